// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";

/// @title Pays many accounts in one transaction
/// @notice What payrolls and exchanges use; funds pass through, nothing stays here.
contract Disperse {
    using SafeERC20 for IERC20;

    error LengthMismatch(uint256 recipients, uint256 amounts);

    /// @notice Sends native coin; what is left of the value goes back to the caller.
    function disperseNative(address payable[] calldata recipients, uint256[] calldata amounts) external payable {
        if (recipients.length != amounts.length) revert LengthMismatch(recipients.length, amounts.length);
        for (uint256 i = 0; i < recipients.length; ++i) {
            Address.sendValue(recipients[i], amounts[i]);
        }
        if (address(this).balance != 0) Address.sendValue(payable(msg.sender), address(this).balance);
    }

    /// @notice Sends tokens straight from the caller to each recipient.
    function disperseToken(IERC20 token, address[] calldata recipients, uint256[] calldata amounts) external {
        if (recipients.length != amounts.length) revert LengthMismatch(recipients.length, amounts.length);
        for (uint256 i = 0; i < recipients.length; ++i) {
            token.safeTransferFrom(msg.sender, recipients[i], amounts[i]);
        }
    }
}
