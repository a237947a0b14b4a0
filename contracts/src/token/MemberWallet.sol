// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";

/// @title A wallet that several members share
/// @notice Runs a call once enough members confirmed it: what an organisation pays its bills from.
contract MemberWallet {
    uint256 public immutable threshold;
    mapping(address account => bool) public isMember;
    mapping(bytes32 call => mapping(address member => bool)) public confirmed;
    mapping(bytes32 call => uint256) public confirmations;

    event Executed(address indexed target, uint256 indexed nonce, bytes32 callHash);

    error NotAMember(address account);
    error AlreadyConfirmed(bytes32 callHash);
    error BadThreshold(uint256 threshold, uint256 members);

    constructor(address[] memory members, uint256 threshold_) {
        if (threshold_ == 0 || threshold_ > members.length) revert BadThreshold(threshold_, members.length);
        for (uint256 i = 0; i < members.length; ++i) {
            isMember[members[i]] = true;
        }
        threshold = threshold_;
    }

    receive() external payable {}

    /// @notice Confirms one call; the confirmation that reaches the threshold also runs it.
    /// @param nonce tells equal calls apart
    function confirm(address target, uint256 value, bytes calldata data, uint256 nonce) external {
        if (!isMember[msg.sender]) revert NotAMember(msg.sender);
        bytes32 callHash = keccak256(abi.encode(target, value, data, nonce));
        if (confirmed[callHash][msg.sender]) revert AlreadyConfirmed(callHash);
        confirmed[callHash][msg.sender] = true;
        if (++confirmations[callHash] != threshold) return;
        emit Executed(target, nonce, callHash);
        Address.functionCallWithValue(target, data, value);
    }
}
