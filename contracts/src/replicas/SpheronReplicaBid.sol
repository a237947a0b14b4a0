// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SpheronReplicaLease} from "./SpheronReplicaLease.sol";
import {SpheronReplicaOrder} from "./SpheronReplicaOrder.sol";
import {SpheronReplicaProviderRegistry} from "./SpheronReplicaProviderRegistry.sol";

/// @title Replays the bid events of Spheron on a local node
contract SpheronReplicaBid {
    SpheronReplicaOrder private immutable ORDER;
    SpheronReplicaLease private immutable LEASE;
    SpheronReplicaProviderRegistry private immutable REGISTRY;

    event BidPlaced(uint64 orderId, uint256 bidPrice, address provider, uint256 fizz);
    event OrderMatched(
        uint64 orderId,
        address providerAddress,
        uint256 fizzId,
        uint256 providerId,
        uint256 acceptedPrice,
        address creator
    );
    event UpdateRequestAccepted(uint64 orderId, address providerAddress, address tenant);
    event LeaseUpdated(uint64 orderId, address providerAddress, address tenant, uint256 acceptedPrice);

    error NotAProvider(address caller);
    error PriceAboveMaximum(uint256 price, uint256 maximum);

    constructor(SpheronReplicaOrder order, SpheronReplicaLease lease, SpheronReplicaProviderRegistry registry) {
        ORDER = order;
        LEASE = lease;
        REGISTRY = registry;
    }

    /// @notice Bids on an open order; the first bid within its maximum is matched and the lease starts.
    function bid(uint64 orderId, uint256 price) external {
        uint256 providerId = REGISTRY.idOf(msg.sender);
        if (providerId == 0) revert NotAProvider(msg.sender);
        (address creator,, uint256 maxPrice,,,) = ORDER.orders(orderId);
        if (price > maxPrice) revert PriceAboveMaximum(price, maxPrice);
        emit BidPlaced(orderId, price, msg.sender, 0);
        ORDER.markMatched(orderId);
        emit OrderMatched(orderId, msg.sender, 0, providerId, price, creator);
        LEASE.create(orderId, msg.sender, price);
    }

    /// @notice Accepts the update that the tenant of one of the caller's leases asked for.
    function acceptUpdate(uint64 orderId, uint256 price) external {
        if (LEASE.providerOf(orderId) != msg.sender) revert NotAProvider(msg.sender);
        (uint256 maxPrice, uint64 numOfBlocks,) = ORDER.updates(orderId);
        if (price > maxPrice) revert PriceAboveMaximum(price, maxPrice);
        (address tenant,,,,,) = ORDER.orders(orderId);
        LEASE.update(orderId, price);
        ORDER.applyUpdate(orderId);
        LEASE.stretch(orderId, numOfBlocks);
        emit UpdateRequestAccepted(orderId, msg.sender, tenant);
        emit LeaseUpdated(orderId, msg.sender, tenant, price);
    }
}
