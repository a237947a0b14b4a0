// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title Replays the market events of Marlin Oyster (MarketV1, the deployed `string metadata` layout) on a local node
/// @notice A job is a stream: a balance that runs down at a rate per second, settled whenever somebody acts on it.
/// Rates are token base units per second scaled by 1e12. Metadata is only emitted, so that its size is bounded by gas
/// for call data and not by storage.
contract MarlinReplica {
    using SafeERC20 for IERC20;

    uint256 public constant RATE_SCALE = 1e12;

    struct Job {
        address owner;
        address provider;
        uint256 rate;
        uint256 balance;
        uint256 lastSettled;
    }

    /// @notice A rate revision waits until `unlockTime`.
    struct Revision {
        uint256 newRate;
        uint256 unlockTime;
    }

    IERC20 public immutable TOKEN;
    uint256 public immutable RATE_WAIT;
    uint256 public jobCount;
    mapping(bytes32 job => Job) public jobs;
    mapping(bytes32 job => Revision) public revisions;
    mapping(address provider => string) public controlPlanes;

    event ProviderAdded(address indexed provider, string cp);
    event ProviderUpdatedWithCp(address indexed provider, string newCp);
    event ProviderRemoved(address indexed provider);
    event JobOpened(
        bytes32 indexed job,
        string metadata,
        address indexed owner,
        address indexed provider,
        uint256 rate,
        uint256 balance,
        uint256 timestamp
    );
    event JobSettled(bytes32 indexed job, uint256 amount, uint256 timestamp);
    event JobClosed(bytes32 indexed job);
    event JobDeposited(bytes32 indexed job, address indexed from, uint256 amount);
    event JobWithdrew(bytes32 indexed job, address indexed to, uint256 amount);
    event JobReviseRateInitiated(bytes32 indexed job, uint256 newRate);
    event JobReviseRateCancelled(bytes32 indexed job);
    event JobReviseRateFinalized(bytes32 indexed job, uint256 newRate);
    event JobMetadataUpdated(bytes32 indexed job, string metadata);

    error NotTheOwner(bytes32 job, address caller);
    error NoSuchJob(bytes32 job);
    error ProviderUnknown(address provider);
    error RevisionNotDue(bytes32 job);
    error InsufficientBalance(bytes32 job, uint256 balance);

    constructor(IERC20 token, uint256 rateWait) {
        TOKEN = token;
        RATE_WAIT = rateWait;
    }

    modifier onlyOwner(bytes32 job) {
        if (jobs[job].owner != msg.sender) revert NotTheOwner(job, msg.sender);
        _;
    }

    function providerAdd(string calldata cp) external {
        controlPlanes[msg.sender] = cp;
        emit ProviderAdded(msg.sender, cp);
    }

    function providerUpdateWithCp(string calldata cp) external {
        if (bytes(controlPlanes[msg.sender]).length == 0) revert ProviderUnknown(msg.sender);
        controlPlanes[msg.sender] = cp;
        emit ProviderUpdatedWithCp(msg.sender, cp);
    }

    function providerRemove() external {
        if (bytes(controlPlanes[msg.sender]).length == 0) revert ProviderUnknown(msg.sender);
        delete controlPlanes[msg.sender];
        emit ProviderRemoved(msg.sender);
    }

    function jobOpen(string calldata metadata, address provider, uint256 rate, uint256 balance)
        external
        returns (bytes32 job)
    {
        if (bytes(controlPlanes[provider]).length == 0) revert ProviderUnknown(provider);
        job = bytes32(++jobCount);
        jobs[job] = Job(msg.sender, provider, rate, balance, block.timestamp);
        TOKEN.safeTransferFrom(msg.sender, address(this), balance);
        emit JobOpened(job, metadata, msg.sender, provider, rate, balance, block.timestamp);
    }

    /// @notice Adds to the balance of any job; the payer need not be its owner.
    function jobDeposit(bytes32 job, uint256 amount) external {
        _known(job).balance += amount;
        TOKEN.safeTransferFrom(msg.sender, address(this), amount);
        emit JobDeposited(job, msg.sender, amount);
    }

    function jobSettle(bytes32 job) external {
        _settle(job);
    }

    function jobWithdraw(bytes32 job, uint256 amount) external onlyOwner(job) {
        _settle(job);
        Job storage record = jobs[job];
        if (record.balance < amount) revert InsufficientBalance(job, record.balance);
        record.balance -= amount;
        TOKEN.safeTransfer(msg.sender, amount);
        emit JobWithdrew(job, msg.sender, amount);
    }

    function jobReviseRateInitiate(bytes32 job, uint256 newRate) external onlyOwner(job) {
        revisions[job] = Revision(newRate, block.timestamp + RATE_WAIT);
        emit JobReviseRateInitiated(job, newRate);
    }

    function jobReviseRateCancel(bytes32 job) external onlyOwner(job) {
        if (revisions[job].unlockTime == 0) revert RevisionNotDue(job);
        delete revisions[job];
        emit JobReviseRateCancelled(job);
    }

    function jobReviseRateFinalize(bytes32 job) external onlyOwner(job) {
        Revision memory revision = revisions[job];
        if (revision.unlockTime == 0 || block.timestamp < revision.unlockTime) revert RevisionNotDue(job);
        delete revisions[job];
        _settle(job);
        jobs[job].rate = revision.newRate;
        emit JobReviseRateFinalized(job, revision.newRate);
    }

    function jobMetadataUpdate(bytes32 job, string calldata metadata) external onlyOwner(job) {
        emit JobMetadataUpdated(job, metadata);
    }

    /// @notice Settles, gives the rest back to the owner and forgets the job.
    function jobClose(bytes32 job) external onlyOwner(job) {
        _settle(job);
        uint256 left = jobs[job].balance;
        delete jobs[job];
        delete revisions[job];
        if (left != 0) TOKEN.safeTransfer(msg.sender, left);
        emit JobClosed(job);
    }

    function _known(bytes32 job) private view returns (Job storage record) {
        record = jobs[job];
        if (record.owner == address(0)) revert NoSuchJob(job);
    }

    function _settle(bytes32 job) private {
        Job storage record = _known(job);
        uint256 used = Math.ceilDiv((block.timestamp - record.lastSettled) * record.rate, RATE_SCALE);
        uint256 amount = Math.min(used, record.balance);
        record.balance -= amount;
        record.lastSettled = block.timestamp;
        if (amount != 0) TOKEN.safeTransfer(record.provider, amount);
        emit JobSettled(job, amount, block.timestamp);
    }
}
