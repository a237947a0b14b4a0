// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title A payment token that misbehaves, for tests of whoever holds escrow in it
/// @notice Refuses transfers to chosen accounts, keeps a fee, or calls back in the middle of a transfer.
contract HostileToken is ERC20 {
    mapping(address account => bool) public refuses;
    uint256 public feePercent;
    address public callbackTarget;
    bytes public callbackData;
    bool public callbackSucceeded;
    bytes public callbackResult;

    error Refused(address to);

    constructor() ERC20("Hostile", "HOST") {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function refuse(address to, bool yes) external {
        refuses[to] = yes;
    }

    function keepFee(uint256 percent) external {
        feePercent = percent;
    }

    /// @notice Calls `target` during the next transfers and remembers whether it let itself be called.
    function callBack(address target, bytes calldata data) external {
        callbackTarget = target;
        callbackData = data;
    }

    function _update(address from, address to, uint256 value) internal override {
        if (refuses[to]) revert Refused(to);
        uint256 fee = from == address(0) || to == address(0) ? 0 : value * feePercent / 100;
        super._update(from, to, value - fee);
        if (fee != 0) super._update(from, address(0), fee);
        if (callbackTarget != address(0)) (callbackSucceeded, callbackResult) = callbackTarget.call(callbackData);
    }
}
