// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {SpheronReplicaEscrow} from "./SpheronReplicaEscrow.sol";

/// @title Replays the order events of Spheron on a local node
/// @notice Prices are per block and scaled by 1e18 whatever the token's decimals; the whole price is locked at once.
contract SpheronReplicaOrder {
    uint8 public constant OPEN = 0;
    uint8 public constant CLOSED = 2;
    uint8 public constant MATCHED = 3;

    struct Order {
        address creator;
        address token;
        uint256 maxPrice;
        uint64 numOfBlocks;
        uint8 state;
        uint256 lockedAmount;
    }

    /// @notice A change of a live order that its provider has not accepted yet.
    struct Update {
        uint256 maxPrice;
        uint64 numOfBlocks;
        bool pending;
    }

    SpheronReplicaEscrow private immutable ESCROW;
    address private immutable DEPLOYER = msg.sender;
    address public bid;
    address public lease;
    uint64 public orderCount;
    mapping(uint64 orderId => Order) public orders;
    mapping(uint64 orderId => Update) public updates;

    event OrderCreated(
        uint64 orderId,
        address creator,
        uint256 maxPrice,
        uint64 numOfBlocks,
        address token,
        string specs,
        uint16 version,
        uint8 mode
    );
    event OrderUpdateRequested(
        uint64 _orderId,
        address user,
        uint256 maxPrice,
        uint64 numOfBlocks,
        address token,
        string specs,
        uint16 version,
        uint8 mode
    );
    event OrderStateChanged(uint64 orderId, uint256 maxPrice, uint8 state);
    event OrderMarkedAsClosed(uint64 indexed _orderId);

    error NotAllowed(address caller);
    error WrongState(uint64 orderId, uint8 state);

    constructor(SpheronReplicaEscrow escrow) {
        ESCROW = escrow;
    }

    /// @notice Names the contracts that may match and close orders.
    function connect(address bid_, address lease_) external {
        if (msg.sender != DEPLOYER || bid != address(0)) revert NotAllowed(msg.sender);
        bid = bid_;
        lease = lease_;
    }

    function createOrder(
        uint256 maxPrice,
        uint64 numOfBlocks,
        address token,
        string calldata specs,
        uint16 version,
        uint8 mode
    ) external returns (uint64 orderId) {
        orderId = ++orderCount;
        uint256 cost = costOf(token, maxPrice, numOfBlocks);
        orders[orderId] = Order(msg.sender, token, maxPrice, numOfBlocks, OPEN, cost);
        ESCROW.lock(msg.sender, token, cost);
        emit OrderCreated(orderId, msg.sender, maxPrice, numOfBlocks, token, specs, version, mode);
    }

    /// @notice Asks the provider of a live lease to serve other specs, at another price, for `numOfBlocks` from then.
    function requestUpdate(
        uint64 orderId,
        uint256 maxPrice,
        uint64 numOfBlocks,
        string calldata specs,
        uint16 version,
        uint8 mode
    ) external {
        Order storage order = orders[orderId];
        if (msg.sender != order.creator) revert NotAllowed(msg.sender);
        if (order.state != MATCHED) revert WrongState(orderId, order.state);
        updates[orderId] = Update(maxPrice, numOfBlocks, true);
        emit OrderUpdateRequested(orderId, msg.sender, maxPrice, numOfBlocks, order.token, specs, version, mode);
    }

    /// @notice Withdraws an order that nobody matched.
    function cancelOrder(uint64 orderId) external {
        Order storage order = orders[orderId];
        if (msg.sender != order.creator) revert NotAllowed(msg.sender);
        if (order.state != OPEN) revert WrongState(orderId, order.state);
        ESCROW.unlock(order.creator, order.token, order.lockedAmount);
        order.lockedAmount = 0;
        order.state = CLOSED;
        emit OrderStateChanged(orderId, order.maxPrice, CLOSED);
    }

    function markMatched(uint64 orderId) external {
        if (msg.sender != bid) revert NotAllowed(msg.sender);
        Order storage order = orders[orderId];
        if (order.state != OPEN || order.creator == address(0)) revert WrongState(orderId, order.state);
        order.state = MATCHED;
        emit OrderStateChanged(orderId, order.maxPrice, MATCHED);
    }

    /// @notice Puts a requested update in force: locks what it costs in place of what is still locked.
    function applyUpdate(uint64 orderId) external {
        if (msg.sender != bid) revert NotAllowed(msg.sender);
        Order storage order = orders[orderId];
        Update memory update = updates[orderId];
        if (!update.pending) revert WrongState(orderId, order.state);
        delete updates[orderId];
        ESCROW.unlock(order.creator, order.token, order.lockedAmount);
        order.maxPrice = update.maxPrice;
        order.numOfBlocks = update.numOfBlocks;
        order.lockedAmount = costOf(order.token, update.maxPrice, update.numOfBlocks);
        ESCROW.lock(order.creator, order.token, order.lockedAmount);
    }

    /// @notice Books a payment to the provider against the order's lock.
    function consume(uint64 orderId, uint256 amount) external {
        if (msg.sender != lease) revert NotAllowed(msg.sender);
        orders[orderId].lockedAmount -= amount;
    }

    function markClosed(uint64 orderId) external {
        if (msg.sender != lease) revert NotAllowed(msg.sender);
        orders[orderId].state = CLOSED;
        orders[orderId].lockedAmount = 0;
        emit OrderMarkedAsClosed(orderId);
    }

    /// @notice Token base units that `blocks` blocks cost at a price scaled by 1e18.
    function costOf(address token, uint256 price, uint256 blocks) public view returns (uint256) {
        return price * blocks * 10 ** IERC20Metadata(token).decimals() / 1e18;
    }
}
