// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

/// @title Replays the escrow events of Spheron (EscrowUser and EscrowProtocol) on a local node
/// @notice Holds real tokens per user; an order locks them, a lease pays them out.
/// @dev Not for production: the three market contracts are trusted, set once by the deployer.
contract SpheronReplicaEscrow {
    using SafeERC20 for IERC20;

    uint8 public constant MOVEMENT_DEPOSIT = 0;
    uint8 public constant MOVEMENT_WITHDRAW = 1;

    address private immutable DEPLOYER = msg.sender;
    address public order;
    address public lease;
    mapping(address user => mapping(address token => uint256)) public free;
    mapping(address user => mapping(address token => uint256)) public locked;

    event TokenMovement(
        address indexed from, address indexed to, address indexed token, uint256 amount, uint8 movementType
    );
    event UserTokenLocked(address indexed user, address indexed token, uint256 deposit);
    event UserTokenUnlocked(address indexed user, address indexed token, uint256 deposit);
    event LockedTokenTransfered(address indexed from, address indexed to, address indexed token, uint256 deposit);

    error NotAllowed(address caller);

    modifier onlyMarket() {
        if (msg.sender != order && msg.sender != lease) revert NotAllowed(msg.sender);
        _;
    }

    /// @notice Names the contracts that may lock and pay out.
    function connect(address order_, address lease_) external {
        if (msg.sender != DEPLOYER || order != address(0)) revert NotAllowed(msg.sender);
        order = order_;
        lease = lease_;
    }

    function deposit(address token, uint256 amount) external {
        free[msg.sender][token] += amount;
        emit TokenMovement(msg.sender, address(this), token, amount, MOVEMENT_DEPOSIT);
        IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
    }

    function withdraw(address token, uint256 amount) external {
        free[msg.sender][token] -= amount;
        emit TokenMovement(address(this), msg.sender, token, amount, MOVEMENT_WITHDRAW);
        IERC20(token).safeTransfer(msg.sender, amount);
    }

    function lock(address user, address token, uint256 amount) external onlyMarket {
        free[user][token] -= amount;
        locked[user][token] += amount;
        emit UserTokenLocked(user, token, amount);
    }

    function unlock(address user, address token, uint256 amount) external onlyMarket {
        locked[user][token] -= amount;
        free[user][token] += amount;
        emit UserTokenUnlocked(user, token, amount);
    }

    function payOut(address user, address to, address token, uint256 amount) external onlyMarket {
        locked[user][token] -= amount;
        emit LockedTokenTransfered(user, to, token, amount);
        IERC20(token).safeTransfer(to, amount);
    }
}
