// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControlUpgradeable} from "@openzeppelin/contracts-upgradeable/access/AccessControlUpgradeable.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IComputeMarket} from "./IComputeMarket.sol";

/// @title A marketplace for GPU machines with escrow and per-second settlement
/// @notice Providers offer machines, renters (or payers on their behalf) prepay leases, providers earn by the second,
/// and what was not used goes back to those who paid, in proportion to what each paid.
/// @dev Behind an ERC-1967 proxy, upgraded by `DEFAULT_ADMIN_ROLE` (UUPS). One payment token for the life of the
/// market; tokens that keep a fee on transfer are refused. State changes precede every token transfer, and every
/// function that moves tokens is non-reentrant.
contract ComputeMarket is IComputeMarket, AccessControlUpgradeable, UUPSUpgradeable, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using SafeCast for uint256;

    /// @notice May slash unsettled earnings and so end a lease.
    bytes32 public constant ARBITER_ROLE = keccak256("ARBITER_ROLE");
    /// @notice May publish attestation digests about machines.
    bytes32 public constant ATTESTER_ROLE = keccak256("ATTESTER_ROLE");

    /// @notice Longest region or GPU model string, in bytes.
    uint256 public constant TEXT_LIMIT = 256;
    /// @notice Most distinct payers of one lease; bounds the refund loop.
    uint256 public constant PAYER_LIMIT = 16;
    /// @notice Every payment buys at least this much time, so that strangers cannot fill the payer list with dust.
    uint64 public constant MIN_PREPAID = 1 hours;

    /// @dev Products of this with any `uint64` of seconds fit a word.
    uint256 private constant PRICE_LIMIT = type(uint128).max;

    /// @custom:storage-location erc7201:compute-market.storage.ComputeMarket
    struct MarketStorage {
        IERC20 token;
        address treasury;
        uint256 leaseCount;
        mapping(address provider => Provider) providers;
        mapping(bytes32 machineId => Machine) machines;
        mapping(uint256 leaseId => Lease) leases;
        mapping(uint256 leaseId => address[]) payers;
        mapping(uint256 leaseId => mapping(address payer => uint256)) paid;
        mapping(address account => uint256) held;
    }

    /// @dev keccak256(abi.encode(uint256(keccak256("compute-market.storage.ComputeMarket")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE_SLOT = 0x6294c7880c13293cf7a0cb3c675e6e72fd3e34ba3b16d46f2ff1639a8a4ad300;

    /// @custom:oz-upgrades-unsafe-allow constructor
    constructor() {
        _disableInitializers();
    }

    /// @notice Sets up the proxy once.
    /// @param admin receives `DEFAULT_ADMIN_ROLE` (roles, treasury, upgrades)
    /// @param token the ERC-20 all prices and payments are in
    /// @param treasury receives slashed earnings
    function initialize(address admin, IERC20Metadata token, address treasury) external initializer {
        if (admin == address(0) || address(token) == address(0)) revert ZeroAddress();
        __AccessControl_init();
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
        _store().token = token;
        emit PaymentTokenSet(address(token), token.decimals());
        _setTreasury(treasury);
    }

    // ------------------------------------------------------------------ providers and machines

    /// @notice Registers the caller as a provider.
    /// @param region where the provider says its machines stand
    /// @param endpointHash hash of the provider's API endpoint
    function registerProvider(string calldata region, bytes32 endpointHash) external {
        Provider storage provider = _store().providers[msg.sender];
        if (provider.active) revert AlreadyRegistered(msg.sender);
        _checkText(region);
        provider.active = true;
        provider.region = region;
        provider.endpointHash = endpointHash;
        emit ProviderRegistered(msg.sender, region, endpointHash);
    }

    /// @notice Replaces the caller's declared region and endpoint hash.
    function updateProvider(string calldata region, bytes32 endpointHash) external {
        Provider storage provider = _activeProvider(msg.sender);
        _checkText(region);
        provider.region = region;
        provider.endpointHash = endpointHash;
        emit ProviderUpdated(msg.sender, region, endpointHash);
    }

    /// @notice Ends the caller's registration; running leases go on, no new lease can be opened.
    function retireProvider() external {
        _activeProvider(msg.sender).active = false;
        emit ProviderRetired(msg.sender);
    }

    /// @notice Offers a machine, or changes the terms of one already offered (for leases opened from then on).
    /// @param label the provider's own name for the machine; the id is unique per provider
    /// @return machineId what leases, heartbeats and attestations refer to
    function offerMachine(bytes32 label, string calldata gpuModel, uint32 gpuCount, uint256 pricePerHour)
        external
        returns (bytes32 machineId)
    {
        _activeProvider(msg.sender);
        _checkText(gpuModel);
        if (gpuCount == 0 || pricePerHour == 0) revert ZeroAmount();
        if (pricePerHour > PRICE_LIMIT) revert PriceAboveLimit(pricePerHour, PRICE_LIMIT);
        machineId = machineIdOf(msg.sender, label);
        Machine storage machine = _store().machines[machineId];
        machine.provider = msg.sender;
        machine.offered = true;
        machine.gpuModel = gpuModel;
        machine.gpuCount = gpuCount;
        machine.pricePerHour = pricePerHour;
        emit MachineOffered(machineId, msg.sender, gpuModel, gpuCount, pricePerHour);
    }

    /// @notice Takes a machine off the market; a running lease goes on to its end.
    function withdrawMachine(bytes32 machineId) external {
        Machine storage machine = _ownMachine(machineId);
        if (!machine.offered) revert MachineUnavailable(machineId);
        machine.offered = false;
        emit MachineWithdrawn(machineId, msg.sender);
    }

    /// @notice Says that a machine is alive.
    function heartbeat(bytes32 machineId, bytes32 statusHash) external {
        _ownMachine(machineId);
        emit Heartbeat(machineId, msg.sender, statusHash);
    }

    /// @notice Publishes the digest of an attestation report about a machine.
    function attest(bytes32 machineId, bytes32 digest) external onlyRole(ATTESTER_ROLE) {
        if (_store().machines[machineId].provider == address(0)) revert MachineUnavailable(machineId);
        emit Attested(machineId, msg.sender, digest);
    }

    // ------------------------------------------------------------------ leases

    /// @notice Opens a lease for the caller, paid by the caller.
    function openLease(bytes32 machineId, uint256 deposit) external returns (uint256 leaseId) {
        return openLeaseFor(msg.sender, machineId, deposit);
    }

    /// @notice Opens a lease for `renter`, paid by the caller.
    /// @param renter who may use the machine and close the lease
    /// @param deposit tokens taken into escrow; buys `deposit / pricePerHour` hours
    function openLeaseFor(address renter, bytes32 machineId, uint256 deposit)
        public
        nonReentrant
        returns (uint256 leaseId)
    {
        if (renter == address(0)) revert ZeroAddress();
        MarketStorage storage store = _store();
        Machine storage machine = store.machines[machineId];
        if (!machine.offered || machine.activeLease != 0 || !store.providers[machine.provider].active) {
            revert MachineUnavailable(machineId);
        }
        leaseId = ++store.leaseCount;
        machine.activeLease = leaseId;
        Lease storage lease = store.leases[leaseId];
        lease.machineId = machineId;
        lease.renter = renter;
        lease.start = block.timestamp.toUint64();
        lease.gpuCount = machine.gpuCount;
        lease.provider = machine.provider;
        lease.open = true;
        lease.pricePerHour = machine.pricePerHour;
        _credit(leaseId, lease, deposit);
        emit LeaseOpened(
            leaseId,
            machineId,
            renter,
            lease.provider,
            msg.sender,
            lease.gpuCount,
            lease.pricePerHour,
            deposit,
            _plannedEnd(lease)
        );
        _take(deposit);
    }

    /// @notice Adds escrow to a running lease; anyone may pay.
    function topUp(uint256 leaseId, uint256 amount) external nonReentrant {
        Lease storage lease = _runningLease(leaseId);
        _credit(leaseId, lease, amount);
        emit LeaseToppedUp(leaseId, msg.sender, amount, _plannedEnd(lease));
        _take(amount);
    }

    /// @notice Buys a number of seconds more; anyone may pay.
    /// @return amount the tokens taken, rounded up to a base unit
    function extendLease(uint256 leaseId, uint64 addedSeconds) external nonReentrant returns (uint256 amount) {
        Lease storage lease = _runningLease(leaseId);
        amount = Math.ceilDiv(lease.pricePerHour * addedSeconds, 1 hours);
        _credit(leaseId, lease, amount);
        emit LeaseExtended(leaseId, msg.sender, amount, addedSeconds, _plannedEnd(lease));
        _take(amount);
    }

    /// @notice Pays the provider what was earned up to this second; anyone may call.
    function settle(uint256 leaseId) external nonReentrant returns (uint256 amount) {
        Lease storage lease = _openLease(leaseId);
        amount = _unsettled(lease);
        if (amount == 0) revert ZeroAmount();
        lease.settled += amount;
        emit LeaseSettled(leaseId, lease.provider, amount);
        _store().token.safeTransfer(lease.provider, amount);
    }

    /// @notice Ends a lease: by its renter or its provider at any time, by anyone once its prepaid time is over.
    function closeLease(uint256 leaseId) external nonReentrant {
        Lease storage lease = _openLease(leaseId);
        CloseReason reason;
        if (block.timestamp >= _plannedEnd(lease)) reason = CloseReason.Expired;
        else if (msg.sender == lease.renter) reason = CloseReason.Renter;
        else if (msg.sender == lease.provider) reason = CloseReason.Provider;
        else revert NotAParty(leaseId, msg.sender);
        _finish(leaseId, lease, 0, reason, bytes32(0));
    }

    /// @notice Ends a lease and sends part of the provider's unsettled earnings to the treasury.
    /// @param amount at most what the provider earned and did not settle yet
    /// @param reasonHash hash of the decision that stands behind this
    function slash(uint256 leaseId, uint256 amount, bytes32 reasonHash) external nonReentrant onlyRole(ARBITER_ROLE) {
        Lease storage lease = _openLease(leaseId);
        if (amount == 0) revert ZeroAmount();
        _finish(leaseId, lease, amount, CloseReason.Slashed, reasonHash);
    }

    /// @notice Sends `account` what a refused transfer left here; anyone may call.
    function withdrawHeld(address account) external nonReentrant returns (uint256 amount) {
        MarketStorage storage store = _store();
        amount = store.held[account];
        if (amount == 0) revert NothingHeld(account);
        store.held[account] = 0;
        emit PayoutWithdrawn(account, amount);
        store.token.safeTransfer(account, amount);
    }

    /// @notice Changes who receives slashed earnings.
    function setTreasury(address treasury) external onlyRole(DEFAULT_ADMIN_ROLE) {
        _setTreasury(treasury);
    }

    // ------------------------------------------------------------------ reading

    /// @notice The id of the machine that `provider` calls `label`.
    function machineIdOf(address provider, bytes32 label) public pure returns (bytes32) {
        return keccak256(abi.encode(provider, label));
    }

    function providerOf(address account) external view returns (Provider memory) {
        return _store().providers[account];
    }

    function machineOf(bytes32 machineId) external view returns (Machine memory) {
        return _store().machines[machineId];
    }

    function leaseOf(uint256 leaseId) external view returns (Lease memory) {
        return _store().leases[leaseId];
    }

    /// @notice When the prepaid time of a lease ends.
    function plannedEnd(uint256 leaseId) external view returns (uint64) {
        return _plannedEnd(_knownLease(leaseId));
    }

    /// @notice What the provider earned up to this second and was not paid yet.
    function unsettled(uint256 leaseId) external view returns (uint256) {
        return _unsettled(_openLease(leaseId));
    }

    function paidBy(uint256 leaseId, address payer) external view returns (uint256) {
        return _store().paid[leaseId][payer];
    }

    function heldFor(address account) external view returns (uint256) {
        return _store().held[account];
    }

    function paymentToken() external view returns (address) {
        return address(_store().token);
    }

    // ------------------------------------------------------------------ inside

    /// @dev Settles, slashes, refunds and closes; the four amounts add up to the deposit. All state is written before
    /// the first transfer. `LeaseClosed` is the lease's last event.
    function _finish(uint256 leaseId, Lease storage lease, uint256 slashed, CloseReason reason, bytes32 reasonHash)
        private
    {
        MarketStorage storage store = _store();
        uint256 earned = _unsettled(lease);
        if (slashed > earned) revert SlashAboveEarnings(slashed, earned);
        uint256 unused = lease.deposited - lease.settled - earned;
        address provider = lease.provider;
        lease.settled += earned - slashed;
        lease.open = false;
        store.machines[lease.machineId].activeLease = 0;

        if (slashed != 0) {
            emit LeaseSlashed(leaseId, provider, slashed, reasonHash);
            _payOrHold(leaseId, store.treasury, slashed);
        }
        if (earned != slashed) {
            emit LeaseSettled(leaseId, provider, earned - slashed);
            _payOrHold(leaseId, provider, earned - slashed);
        }
        _refund(leaseId, unused, lease.deposited);
        emit LeaseClosed(leaseId, msg.sender, uint8(reason));
    }

    /// @dev Shares `unused` among the payers by what each paid; the last payer gets what rounding left.
    function _refund(uint256 leaseId, uint256 unused, uint256 deposited) private {
        MarketStorage storage store = _store();
        address[] storage payers = store.payers[leaseId];
        uint256 left = unused;
        for (uint256 i = 0; i < payers.length && left != 0; ++i) {
            address payer = payers[i];
            uint256 share =
                i + 1 == payers.length ? left : Math.mulDiv(unused, store.paid[leaseId][payer], deposited);
            if (share == 0) continue;
            left -= share;
            emit LeaseRefunded(leaseId, payer, share);
            _payOrHold(leaseId, payer, share);
        }
    }

    /// @dev One account that the token refuses must not keep a lease open for everyone else.
    function _payOrHold(uint256 leaseId, address to, uint256 amount) private {
        MarketStorage storage store = _store();
        if (store.token.trySafeTransfer(to, amount)) return;
        store.held[to] += amount;
        emit PayoutHeld(leaseId, to, amount);
    }

    /// @dev Books a payment by the caller; the tokens are taken afterwards by `_take`.
    function _credit(uint256 leaseId, Lease storage lease, uint256 amount) private {
        uint256 minimum = Math.ceilDiv(lease.pricePerHour * MIN_PREPAID, 1 hours);
        if (amount < minimum) revert DepositTooSmall(amount, minimum);
        MarketStorage storage store = _store();
        uint256 before = store.paid[leaseId][msg.sender];
        if (before == 0) {
            if (store.payers[leaseId].length == PAYER_LIMIT) revert TooManyPayers(leaseId);
            store.payers[leaseId].push(msg.sender);
        }
        store.paid[leaseId][msg.sender] = before + amount;
        lease.deposited += amount;
    }

    /// @dev Escrow books whole amounts, so a token that keeps a fee would leave it short.
    function _take(uint256 amount) private {
        IERC20 token = _store().token;
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = token.balanceOf(address(this)) - before;
        if (received != amount) revert TokenKeepsAFee(amount, received);
    }

    function _setTreasury(address treasury) private {
        if (treasury == address(0)) revert ZeroAddress();
        _store().treasury = treasury;
        emit TreasurySet(treasury);
    }

    function _activeProvider(address account) private view returns (Provider storage provider) {
        provider = _store().providers[account];
        if (!provider.active) revert NotAProvider(account);
    }

    function _ownMachine(bytes32 machineId) private view returns (Machine storage machine) {
        machine = _store().machines[machineId];
        if (machine.provider != msg.sender) revert NotTheProvider(machineId, msg.sender);
    }

    function _knownLease(uint256 leaseId) private view returns (Lease storage lease) {
        lease = _store().leases[leaseId];
        if (lease.start == 0) revert NoSuchLease(leaseId);
    }

    function _openLease(uint256 leaseId) private view returns (Lease storage lease) {
        lease = _knownLease(leaseId);
        if (!lease.open) revert LeaseEnded(leaseId);
    }

    function _runningLease(uint256 leaseId) private view returns (Lease storage lease) {
        lease = _openLease(leaseId);
        if (block.timestamp >= _plannedEnd(lease)) revert LeaseEnded(leaseId);
    }

    function _plannedEnd(Lease storage lease) private view returns (uint64) {
        return (lease.start + Math.mulDiv(lease.deposited, 1 hours, lease.pricePerHour)).toUint64();
    }

    /// @dev Computed from the start each time, so that rounding never adds up over many settlements.
    function _unsettled(Lease storage lease) private view returns (uint256) {
        uint256 earned = Math.min((block.timestamp - lease.start) * lease.pricePerHour / 1 hours, lease.deposited);
        return earned - lease.settled;
    }

    function _checkText(string calldata text) private pure {
        if (bytes(text).length > TEXT_LIMIT) revert TextTooLong(bytes(text).length, TEXT_LIMIT);
    }

    function _authorizeUpgrade(address) internal view override onlyRole(DEFAULT_ADMIN_ROLE) {}

    function _store() private pure returns (MarketStorage storage store) {
        assembly ("memory-safe") {
            store.slot := STORAGE_SLOT
        }
    }
}
