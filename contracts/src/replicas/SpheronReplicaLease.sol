// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SpheronReplicaEscrow} from "./SpheronReplicaEscrow.sol";
import {SpheronReplicaOrder} from "./SpheronReplicaOrder.sol";

/// @title Replays the lease events of Spheron (ComputeLease) on a local node
/// @notice A lease has the id of its order. Blocks are counted as two seconds of block time each, as on Base, because
/// a local node does not produce a block every two seconds.
contract SpheronReplicaLease {
    uint8 public constant ACTIVE = 0;
    uint8 public constant TERMINATED = 1;
    uint256 public constant SECONDS_PER_BLOCK = 2;

    struct Lease {
        address provider;
        address tenant;
        address token;
        uint256 acceptedPrice;
        uint64 numOfBlocks;
        uint64 startTime;
        uint64 paidBlocks;
        bool active;
    }

    SpheronReplicaEscrow private immutable ESCROW;
    SpheronReplicaOrder private immutable ORDER;
    address private immutable DEPLOYER = msg.sender;
    address public bid;
    mapping(uint64 leaseId => Lease) public leases;

    event LeaseCreated(
        uint256 leaseId,
        uint256 fizzId,
        uint64 requestId,
        uint256 acceptedPrice,
        address providerAddress,
        address tenantAddress,
        uint32 startBlock,
        uint32 startTime,
        uint32 endTime,
        uint8 state
    );
    event LeaseUpdated(
        uint256 indexed leaseId,
        address indexed providerAddress,
        address indexed tenantAddress,
        uint256 acceptedPrice,
        uint32 startBlock,
        uint32 startTime
    );
    event LeaseClosed(uint256 leaseId, address providerAddress, address tenantAddress, uint32 endTime, uint8 state);

    error NotAllowed(address caller);
    error NotActive(uint64 leaseId);

    constructor(SpheronReplicaEscrow escrow, SpheronReplicaOrder order) {
        ESCROW = escrow;
        ORDER = order;
    }

    /// @notice Names the contract that may create and update leases.
    function connect(address bid_) external {
        if (msg.sender != DEPLOYER || bid != address(0)) revert NotAllowed(msg.sender);
        bid = bid_;
    }

    function create(uint64 leaseId, address provider, uint256 acceptedPrice) external {
        if (msg.sender != bid) revert NotAllowed(msg.sender);
        (address tenant, address token,, uint64 numOfBlocks,,) = ORDER.orders(leaseId);
        leases[leaseId] =
            Lease(provider, tenant, token, acceptedPrice, numOfBlocks, uint64(block.timestamp), 0, true);
        emit LeaseCreated(
            leaseId,
            0,
            leaseId,
            acceptedPrice,
            provider,
            tenant,
            uint32(block.number),
            uint32(block.timestamp),
            0,
            ACTIVE
        );
    }

    /// @notice Settles the old terms and starts the new ones, which run from now.
    function update(uint64 leaseId, uint256 acceptedPrice) external {
        if (msg.sender != bid) revert NotAllowed(msg.sender);
        _settle(leaseId);
        Lease storage lease = leases[leaseId];
        lease.acceptedPrice = acceptedPrice;
        lease.startTime = uint64(block.timestamp);
        lease.paidBlocks = 0;
        emit LeaseUpdated(
            leaseId, lease.provider, lease.tenant, acceptedPrice, uint32(block.number), uint32(block.timestamp)
        );
    }

    /// @notice Takes over the length an update gave the order.
    function stretch(uint64 leaseId, uint64 numOfBlocks) external {
        if (msg.sender != bid) revert NotAllowed(msg.sender);
        leases[leaseId].numOfBlocks = numOfBlocks;
    }

    /// @notice Pays the provider for the blocks served so far.
    function settle(uint64 leaseId) external {
        _settle(leaseId);
    }

    /// @notice Ends a lease; what was not used is unlocked for the tenant.
    function closeLease(uint64 leaseId) external {
        Lease storage lease = leases[leaseId];
        if (msg.sender != lease.tenant && msg.sender != lease.provider) revert NotAllowed(msg.sender);
        _settle(leaseId);
        lease.active = false;
        (,,,,, uint256 left) = ORDER.orders(leaseId);
        if (left != 0) ESCROW.unlock(lease.tenant, lease.token, left);
        ORDER.markClosed(leaseId);
        emit LeaseClosed(leaseId, lease.provider, lease.tenant, uint32(block.timestamp), TERMINATED);
    }

    function providerOf(uint64 leaseId) external view returns (address) {
        return leases[leaseId].provider;
    }

    function _settle(uint64 leaseId) private {
        Lease storage lease = leases[leaseId];
        if (!lease.active) revert NotActive(leaseId);
        uint64 served = uint64((block.timestamp - lease.startTime) / SECONDS_PER_BLOCK);
        if (served > lease.numOfBlocks) served = lease.numOfBlocks;
        uint256 due = ORDER.costOf(lease.token, lease.acceptedPrice, served)
            - ORDER.costOf(lease.token, lease.acceptedPrice, lease.paidBlocks);
        lease.paidBlocks = served;
        if (due == 0) return;
        ORDER.consume(leaseId, due);
        ESCROW.payOut(lease.tenant, lease.provider, lease.token, due);
    }
}
