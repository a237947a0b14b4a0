// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ComputeMarket} from "../reference/ComputeMarket.sol";

/// @title The market's next version, for tests of upgrades
contract ComputeMarketNext is ComputeMarket {
    function generation() external pure returns (uint256) {
        return 2;
    }
}
