// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title What a compute marketplace tells the world
/// @notice Events, errors and the shapes behind them. Amounts are base units of one ERC-20, prices are for a whole
/// machine per hour, times are UNIX seconds.
interface IComputeMarket {
    /// @notice Why a lease ended.
    enum CloseReason {
        Renter,
        Provider,
        Expired,
        Slashed
    }

    /// @notice A provider of machines. The region is what the provider declares, not what anyone measured.
    struct Provider {
        bool active;
        string region;
        bytes32 endpointHash;
    }

    /// @notice One machine on offer; it is let as a whole.
    struct Machine {
        address provider;
        bool offered;
        uint32 gpuCount;
        uint256 pricePerHour;
        uint256 activeLease;
        string gpuModel;
    }

    /// @notice One lease; its terms are copied from the machine and never change, only the prepaid end moves.
    struct Lease {
        bytes32 machineId;
        address renter;
        uint64 start;
        uint32 gpuCount;
        address provider;
        bool open;
        uint256 pricePerHour;
        uint256 deposited;
        uint256 settled;
    }

    event PaymentTokenSet(address indexed token, uint8 decimals);
    event TreasurySet(address indexed treasury);

    event ProviderRegistered(address indexed provider, string region, bytes32 endpointHash);
    event ProviderUpdated(address indexed provider, string region, bytes32 endpointHash);
    event ProviderRetired(address indexed provider);

    event MachineOffered(
        bytes32 indexed machineId, address indexed provider, string gpuModel, uint32 gpuCount, uint256 pricePerHour
    );
    event MachineWithdrawn(bytes32 indexed machineId, address indexed provider);

    event LeaseOpened(
        uint256 indexed leaseId,
        bytes32 indexed machineId,
        address indexed renter,
        address provider,
        address payer,
        uint32 gpuCount,
        uint256 pricePerHour,
        uint256 deposit,
        uint64 plannedEnd
    );
    event LeaseToppedUp(uint256 indexed leaseId, address indexed payer, uint256 amount, uint64 plannedEnd);
    event LeaseExtended(
        uint256 indexed leaseId, address indexed payer, uint256 amount, uint64 addedSeconds, uint64 plannedEnd
    );
    event LeaseSettled(uint256 indexed leaseId, address indexed provider, uint256 amount);
    event LeaseSlashed(uint256 indexed leaseId, address indexed provider, uint256 amount, bytes32 reason);
    event LeaseRefunded(uint256 indexed leaseId, address indexed to, uint256 amount);
    event LeaseClosed(uint256 indexed leaseId, address indexed by, uint8 reason);

    /// @notice The token refused the transfer just reported; the amount waits for `withdrawHeld`.
    event PayoutHeld(uint256 indexed leaseId, address indexed to, uint256 amount);
    event PayoutWithdrawn(address indexed to, uint256 amount);

    event Heartbeat(bytes32 indexed machineId, address indexed provider, bytes32 statusHash);
    event Attested(bytes32 indexed machineId, address indexed attester, bytes32 digest);

    error ZeroAddress();
    error ZeroAmount();
    error TextTooLong(uint256 length, uint256 limit);
    error NotAProvider(address account);
    error AlreadyRegistered(address provider);
    error NotTheProvider(bytes32 machineId, address caller);
    error MachineUnavailable(bytes32 machineId);
    error DepositTooSmall(uint256 amount, uint256 minimum);
    error PriceAboveLimit(uint256 pricePerHour, uint256 limit);
    error NoSuchLease(uint256 leaseId);
    error LeaseEnded(uint256 leaseId);
    error NotAParty(uint256 leaseId, address caller);
    error TooManyPayers(uint256 leaseId);
    error SlashAboveEarnings(uint256 amount, uint256 earnings);
    error TokenKeepsAFee(uint256 asked, uint256 received);
    error NothingHeld(address account);
}
