// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Replays the staking events of DeepLink (NFTStaking, short term) on a local node
/// @notice This is where DeepLink says what a machine is made of: the GPU type is free text containing "NVIDIA".
contract DeepLinkReplicaStaking {
    struct Machine {
        address holder;
        bool rented;
    }

    address private immutable DEPLOYER = msg.sender;
    address public rent;
    mapping(string machineId => Machine) private machines;

    event Staked(
        address indexed stakeholder, string machineId, uint256 originCalcPoint, uint256 calcPoint, uint256 stakeHours
    );
    event StakedGPUType(string machineId, string gpuType);
    event MachineRegistered(string machineId);
    event Unstaked(address indexed stakeholder, string machineId, uint256 paybackReserveAmount);
    event RentMachine(address indexed machineOwner, string machineId, uint256 rentFee);
    event RenewRent(string machineId, address holder, uint256 rentFee);
    event EndRentMachine(address indexed machineOwner, string machineId, uint256 nextCanRentTime);

    error NotAllowed(address caller);
    error AlreadyStaked(string machineId);
    error NotRentable(string machineId);

    modifier onlyRent() {
        if (msg.sender != rent) revert NotAllowed(msg.sender);
        _;
    }

    /// @notice Names the rent contract.
    function connect(address rent_) external {
        if (msg.sender != DEPLOYER || rent != address(0)) revert NotAllowed(msg.sender);
        rent = rent_;
    }

    function stake(string calldata machineId, string calldata gpuType, uint256 calcPoint, uint256 stakeHours)
        external
    {
        if (machines[machineId].holder != address(0)) revert AlreadyStaked(machineId);
        machines[machineId] = Machine(msg.sender, false);
        emit MachineRegistered(machineId);
        emit StakedGPUType(machineId, gpuType);
        emit Staked(msg.sender, machineId, calcPoint, calcPoint, stakeHours);
    }

    function unstake(string calldata machineId) external {
        Machine memory machine = machines[machineId];
        if (machine.holder != msg.sender) revert NotAllowed(msg.sender);
        if (machine.rented) revert NotRentable(machineId);
        delete machines[machineId];
        emit Unstaked(msg.sender, machineId, 0);
    }

    function holderOf(string calldata machineId) external view returns (address) {
        return machines[machineId].holder;
    }

    function rentMachine(string calldata machineId, uint256 rentFee) external onlyRent returns (address holder) {
        Machine storage machine = machines[machineId];
        holder = machine.holder;
        if (holder == address(0) || machine.rented) revert NotRentable(machineId);
        machine.rented = true;
        emit RentMachine(holder, machineId, rentFee);
    }

    function renewRent(string calldata machineId, uint256 rentFee) external onlyRent {
        emit RenewRent(machineId, machines[machineId].holder, rentFee);
    }

    function endRentMachine(string calldata machineId) external onlyRent {
        machines[machineId].rented = false;
        emit EndRentMachine(machines[machineId].holder, machineId, block.timestamp);
    }
}
