// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// The record of a share as an Ethereum contract keeps it: what the ledger's Share transaction holds, and who may read it.
/// For one receiver it writes five words of storage, sender and time in one of them; most of the gas is for these. A smaller contract, such as
/// one without the commitment, differs by one word less.
contract Share {
    struct Record {
        address sender;
        uint64 time;
        bytes32 content;
        bytes32 commitment;
        address[] receivers;
    }

    mapping(bytes32 => Record) private records;

    event Shared(bytes32 indexed id, address indexed sender, bytes32 content);

    function share(bytes32 id, bytes32 content, bytes32 commitment, address[] calldata receivers) external {
        Record storage record = records[id];
        require(record.sender == address(0), "recorded before");
        record.sender = msg.sender;
        record.time = uint64(block.timestamp);
        record.content = content;
        record.commitment = commitment;
        record.receivers = receivers;
        emit Shared(id, msg.sender, content);
    }

    function get(bytes32 id) external view returns (Record memory) {
        return records[id];
    }
}
