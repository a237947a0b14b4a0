// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {DeepLinkReplicaStaking} from "./DeepLinkReplicaStaking.sol";

/// @title Replays the rent events of DeepLink (Rent, short term) on a local node
/// @notice Keeps the field's traps: the `renter` of `RentFee` and `PayToContractOnRent` is the payer, and both precede
/// `RentMachine`; `ExtraRentFeeTransfer` carries the id of the last rent opened, not of the one that closes; a monthly
/// rent on behalf of somebody reports no fee.
/// @dev The real contract limits one rent to ten hours; here the length is free, so that months need few transactions.
contract DeepLinkReplicaRent {
    using SafeERC20 for IERC20;

    uint256 public constant MONTH = 30 days;
    uint256 public constant PLATFORM_PERCENT = 10;

    struct Rent {
        address holder;
        address renter;
        address payer;
        uint64 start;
        uint64 end;
        uint256 fee;
        uint256 renewals;
        string machineId;
    }

    IERC20 public immutable TOKEN;
    DeepLinkReplicaStaking private immutable STAKING;
    address public immutable PLATFORM;
    address private immutable ADMIN = msg.sender;
    uint256 public lastRentId;
    mapping(uint256 rentId => Rent) public rents;

    event RentMachine(
        address indexed machineOnwer,
        uint256 rentId,
        string machineId,
        uint256 rentEndTime,
        address renter,
        uint256 rentFee
    );
    event RentFee(uint256 rentId, address renter, uint256 baseRentFee, uint256 extraRentFee, uint256 platformFee);
    event PayToContractOnRent(uint256 rentId, address renter, uint256 totalRentFee);
    event RenewRent(
        address indexed machineOnwer,
        string machineId,
        uint256 rentId,
        uint256 additionalRentSeconds,
        uint256 additionalRentFee,
        address renter
    );
    event RenewalSegmentRecorded(uint256 indexed rentId, uint256 renewalIndex, address payer, uint256 rentSeconds);
    event EndRentMachine(address machineOnwer, uint256 rentId, string machineId, uint256 rentEndTime, address renter);
    event PayBackFee(string machineId, uint256 rentId, address renter, uint256 amount);
    event ExtraRentFeeTransfer(address indexed machineOnwer, uint256 rentId, uint256 amount);
    event PlatformFeeTransfer(address indexed machineOnwer, uint256 rentId, uint256 amount);
    event RentTime(uint256 totalRentSenconds, uint256 usedRentSeconds);
    event SlashMachineOnOffline(
        address indexed stakeHolder,
        string machineId,
        address indexed renter,
        uint256 slashAmount,
        uint256 rentStartAt,
        uint256 rentEndAt,
        uint8 slashType
    );
    event ReportMachineFault(uint256 rentId, string machineId, address reporter);

    error NotAllowed(address caller);
    error NoSuchRent(uint256 rentId);

    constructor(IERC20 token, DeepLinkReplicaStaking staking, address platform) {
        TOKEN = token;
        STAKING = staking;
        PLATFORM = platform;
    }

    /// @notice Rents a machine for the caller.
    function rentMachine(string calldata machineId, uint256 rentSeconds, uint256 fee) external returns (uint256) {
        return _rent(msg.sender, machineId, rentSeconds, fee, true);
    }

    /// @notice Rents a machine for `renter`; the caller pays.
    function rentProxyMachine(address renter, string calldata machineId, uint256 rentSeconds, uint256 fee)
        external
        returns (uint256)
    {
        return _rent(renter, machineId, rentSeconds, fee, true);
    }

    /// @notice Rents a machine for `renter` for thirty days; the fee is taken but not reported.
    function rentProxyMachineByMonth(address renter, string calldata machineId, uint256 fee)
        external
        returns (uint256)
    {
        return _rent(renter, machineId, MONTH, fee, false);
    }

    /// @notice Adds time to a running rent; anyone may pay.
    function renewRent(uint256 rentId, uint256 addedSeconds, uint256 fee) external {
        Rent storage rent = _known(rentId);
        rent.end += uint64(addedSeconds);
        rent.fee += fee;
        TOKEN.safeTransferFrom(msg.sender, address(this), fee);
        STAKING.renewRent(rent.machineId, fee);
        emit RentFee(rentId, msg.sender, fee, 0, _platformFee(fee));
        emit RenewRent(rent.holder, rent.machineId, rentId, addedSeconds, fee, rent.renter);
        emit RenewalSegmentRecorded(rentId, ++rent.renewals, msg.sender, addedSeconds);
    }

    /// @notice Ends a rent: its renter or payer at any time, anyone after its end. Unused money goes to the payer.
    function endRentMachine(uint256 rentId) external {
        Rent storage rent = _known(rentId);
        if (block.timestamp < rent.end && msg.sender != rent.renter && msg.sender != rent.payer) {
            revert NotAllowed(msg.sender);
        }
        _payEveryone(rentId, rent, 0);
        emit EndRentMachine(rent.holder, rentId, rent.machineId, rent.end, rent.renter);
        STAKING.endRentMachine(rent.machineId);
        delete rents[rentId];
    }

    /// @notice Says that a rented machine does not work.
    function reportFault(uint256 rentId) external {
        Rent storage rent = _known(rentId);
        if (msg.sender != rent.renter) revert NotAllowed(msg.sender);
        emit ReportMachineFault(rentId, rent.machineId, msg.sender);
    }

    /// @notice Ends the rent of a machine that went offline; part of what its holder earned goes to the platform.
    function slashOffline(uint256 rentId, uint256 slashAmount) external {
        if (msg.sender != ADMIN) revert NotAllowed(msg.sender);
        Rent storage rent = _known(rentId);
        emit SlashMachineOnOffline(
            rent.holder, rent.machineId, rent.renter, slashAmount, rent.start, rent.end, 1
        );
        _payEveryone(rentId, rent, slashAmount);
        emit EndRentMachine(rent.holder, rentId, rent.machineId, block.timestamp, rent.renter);
        STAKING.endRentMachine(rent.machineId);
        delete rents[rentId];
    }

    function _rent(address renter, string calldata machineId, uint256 rentSeconds, uint256 fee, bool report)
        private
        returns (uint256 rentId)
    {
        rentId = ++lastRentId;
        uint64 end = uint64(block.timestamp + rentSeconds);
        address holder = STAKING.rentMachine(machineId, fee);
        rents[rentId] = Rent(holder, renter, msg.sender, uint64(block.timestamp), end, fee, 0, machineId);
        TOKEN.safeTransferFrom(msg.sender, address(this), fee);
        if (report) {
            emit PayToContractOnRent(rentId, msg.sender, fee);
            emit RentFee(rentId, msg.sender, fee, 0, _platformFee(fee));
        }
        emit RentMachine(holder, rentId, machineId, end, renter, report ? fee : 0);
    }

    /// @dev Shares the fee by time used: unused to the payer, a tenth of the rest to the platform, the rest to the
    /// holder, less what is slashed.
    function _payEveryone(uint256 rentId, Rent storage rent, uint256 slashAmount) private {
        uint256 total = rent.end - rent.start;
        uint256 used = block.timestamp < rent.end ? block.timestamp - rent.start : total;
        uint256 earned = rent.fee * used / total;
        uint256 back = rent.fee - earned;
        uint256 platformFee = _platformFee(earned) + slashAmount;
        emit RentTime(total, used);
        if (back != 0) {
            emit PayBackFee(rent.machineId, rentId, rent.payer, back);
            TOKEN.safeTransfer(rent.payer, back);
        }
        emit ExtraRentFeeTransfer(rent.holder, lastRentId, earned - platformFee);
        TOKEN.safeTransfer(rent.holder, earned - platformFee);
        emit PlatformFeeTransfer(rent.holder, rentId, platformFee);
        TOKEN.safeTransfer(PLATFORM, platformFee);
    }

    function _platformFee(uint256 fee) private pure returns (uint256) {
        return fee * PLATFORM_PERCENT / 100;
    }

    function _known(uint256 rentId) private view returns (Rent storage rent) {
        rent = rents[rentId];
        if (rent.holder == address(0)) revert NoSuchRent(rentId);
    }
}
