// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title A stand-in for any contract: it emits what it is told to emit and answers what it was taught
/// @notice For tests of whoever reads events and views of contracts whose source is not here.
contract Emitter {
    /// @notice One log; `from` emits it, so that several contracts can speak in one transaction.
    struct Log {
        Emitter from;
        bytes32[] topics;
        bytes data;
    }

    mapping(bytes32 input => bytes output) private _answers;
    mapping(bytes32 input => bool known) private _taught;
    mapping(bytes32 input => Log[] logs) private _scripts;

    error NotTaught(bytes4 selector);

    /// @notice Emits the logs in order, each from its own contract.
    function play(Log[] calldata logs) external {
        for (uint256 i = 0; i < logs.length; ++i) logs[i].from.emitRaw(logs[i].topics, logs[i].data);
    }

    /// @notice Emits one log of this contract: 0 to 4 topics, any data.
    function emitRaw(bytes32[] calldata topics, bytes memory data) external {
        uint256 size = data.length;
        if (topics.length == 0) {
            assembly {
                log0(add(data, 32), size)
            }
        } else if (topics.length == 1) {
            bytes32 a = topics[0];
            assembly {
                log1(add(data, 32), size, a)
            }
        } else if (topics.length == 2) {
            (bytes32 a, bytes32 b) = (topics[0], topics[1]);
            assembly {
                log2(add(data, 32), size, a, b)
            }
        } else if (topics.length == 3) {
            (bytes32 a, bytes32 b, bytes32 c) = (topics[0], topics[1], topics[2]);
            assembly {
                log3(add(data, 32), size, a, b, c)
            }
        } else {
            (bytes32 a, bytes32 b, bytes32 c, bytes32 d) = (topics[0], topics[1], topics[2], topics[3]);
            assembly {
                log4(add(data, 32), size, a, b, c, d)
            }
        }
    }

    /// @notice From now on a call with exactly `input` returns `output`.
    function teach(bytes calldata input, bytes calldata output) external {
        _answers[keccak256(input)] = output;
        _taught[keccak256(input)] = true;
    }

    /// @notice From now on a call with exactly `input` fails, as a getter does whose row was deleted.
    function forget(bytes calldata input) external {
        delete _answers[keccak256(input)];
        delete _taught[keccak256(input)];
    }

    /// @notice From now on a transaction with exactly `input` emits `logs`, so that call data can be read beside them.
    function script(bytes calldata input, Log[] calldata logs) external {
        bytes32 key = keccak256(input);
        _taught[key] = true;
        delete _scripts[key];
        for (uint256 i = 0; i < logs.length; ++i) _scripts[key].push(logs[i]);
    }

    fallback(bytes calldata input) external returns (bytes memory) {
        bytes32 key = keccak256(input);
        if (!_taught[key]) revert NotTaught(msg.sig);
        Log[] storage logs = _scripts[key];
        for (uint256 i = 0; i < logs.length; ++i) logs[i].from.emitRaw(logs[i].topics, logs[i].data);
        return _answers[key];
    }
}
