// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Replays the provider registry events of Spheron on a local node
contract SpheronReplicaProviderRegistry {
    uint256 public providerCount;
    mapping(address wallet => uint256) public idOf;

    event ProviderAdded(
        uint256 indexed providerId,
        address indexed walletAddress,
        string spec,
        string hostUri,
        string certificate,
        address[] paymentsAccepted,
        uint8 status,
        uint8 tier,
        uint256 joinTimestamp,
        address rewardWallet
    );
    event ProviderSpecUpdated(uint256 indexed providerId, string spec);
    event ProviderRemoved(uint256 indexed providerId);

    error AlreadyAdded(address wallet);
    error NotAdded(address wallet);

    function addProvider(
        string calldata spec,
        string calldata hostUri,
        string calldata certificate,
        address[] calldata paymentsAccepted,
        uint8 tier,
        address rewardWallet
    ) external returns (uint256 providerId) {
        if (idOf[msg.sender] != 0) revert AlreadyAdded(msg.sender);
        providerId = ++providerCount;
        idOf[msg.sender] = providerId;
        emit ProviderAdded(
            providerId, msg.sender, spec, hostUri, certificate, paymentsAccepted, 1, tier, block.timestamp, rewardWallet
        );
    }

    function updateSpec(string calldata spec) external {
        emit ProviderSpecUpdated(_id(), spec);
    }

    function removeProvider() external {
        uint256 providerId = _id();
        idOf[msg.sender] = 0;
        emit ProviderRemoved(providerId);
    }

    function _id() private view returns (uint256 providerId) {
        providerId = idOf[msg.sender];
        if (providerId == 0) revert NotAdded(msg.sender);
    }
}
