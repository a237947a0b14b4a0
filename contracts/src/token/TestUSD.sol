// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TestToken} from "./TestToken.sol";

/// @title A dollar for local nodes, with 6 decimals
contract TestUSD is TestToken {
    constructor(address owner) TestToken("Test US Dollar", "TUSD", 6, owner) {}
}
