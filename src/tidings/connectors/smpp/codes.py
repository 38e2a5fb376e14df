"""The numbers of SMPP 3.4 (and the few of 5.0 that 3.4 peers send): commands, statuses, TLV tags, flags.

Only names live here. What a status means for a message is decided in `words.py`.
"""

from enum import IntEnum, unique

RESPONSE = 0x8000_0000
"""Set in the command id of every response; a response's id is its request's id with this bit."""

SEQUENCE_MAX = 0x7FFF_FFFF
"""Sequence numbers run from 1 to this, per session and direction, then start at 1 again."""


@unique
class Command(IntEnum):
    """Command ids. `GENERIC_NACK` is a response that answers anything."""

    BIND_RECEIVER = 0x0001
    BIND_TRANSMITTER = 0x0002
    QUERY_SM = 0x0003
    SUBMIT_SM = 0x0004
    DELIVER_SM = 0x0005
    UNBIND = 0x0006
    REPLACE_SM = 0x0007
    CANCEL_SM = 0x0008
    BIND_TRANSCEIVER = 0x0009
    OUTBIND = 0x000B
    ENQUIRE_LINK = 0x0015
    SUBMIT_MULTI = 0x0021
    ALERT_NOTIFICATION = 0x0102
    DATA_SM = 0x0103
    GENERIC_NACK = 0x8000_0000
    BIND_RECEIVER_RESP = 0x8000_0001
    BIND_TRANSMITTER_RESP = 0x8000_0002
    QUERY_SM_RESP = 0x8000_0003
    SUBMIT_SM_RESP = 0x8000_0004
    DELIVER_SM_RESP = 0x8000_0005
    UNBIND_RESP = 0x8000_0006
    REPLACE_SM_RESP = 0x8000_0007
    CANCEL_SM_RESP = 0x8000_0008
    BIND_TRANSCEIVER_RESP = 0x8000_0009
    ENQUIRE_LINK_RESP = 0x8000_0015
    SUBMIT_MULTI_RESP = 0x8000_0021
    DATA_SM_RESP = 0x8000_0103


@unique
class Status(IntEnum):
    """`command_status` values; their names are the specification's."""

    ESME_ROK = 0x00
    ESME_RINVMSGLEN = 0x01
    ESME_RINVCMDLEN = 0x02
    ESME_RINVCMDID = 0x03
    ESME_RINVBNDSTS = 0x04
    ESME_RALYBND = 0x05
    ESME_RINVPRTFLG = 0x06
    ESME_RINVREGDLVFLG = 0x07
    ESME_RSYSERR = 0x08
    ESME_RINVSRCADR = 0x0A
    ESME_RINVDSTADR = 0x0B
    ESME_RINVMSGID = 0x0C
    ESME_RBINDFAIL = 0x0D
    ESME_RINVPASWD = 0x0E
    ESME_RINVSYSID = 0x0F
    ESME_RCANCELFAIL = 0x11
    ESME_RREPLACEFAIL = 0x13
    ESME_RMSGQFUL = 0x14
    ESME_RINVSERTYP = 0x15
    ESME_RINVNUMDESTS = 0x33
    ESME_RINVDLNAME = 0x34
    ESME_RINVDESTFLAG = 0x40
    ESME_RINVSUBREP = 0x42
    ESME_RINVESMCLASS = 0x43
    ESME_RCNTSUBDL = 0x44
    ESME_RSUBMITFAIL = 0x45
    ESME_RINVSRCTON = 0x48
    ESME_RINVSRCNPI = 0x49
    ESME_RINVDSTTON = 0x50
    ESME_RINVDSTNPI = 0x51
    ESME_RINVSYSTYP = 0x53
    ESME_RINVREPFLAG = 0x54
    ESME_RINVNUMMSGS = 0x55
    ESME_RTHROTTLED = 0x58
    ESME_RINVSCHED = 0x61
    ESME_RINVEXPIRY = 0x62
    ESME_RINVDFTMSGID = 0x63
    ESME_RX_T_APPN = 0x64
    ESME_RX_P_APPN = 0x65
    ESME_RX_R_APPN = 0x66
    ESME_RQUERYFAIL = 0x67
    ESME_RINVOPTPARSTREAM = 0xC0
    ESME_ROPTPARNOTALLWD = 0xC1
    ESME_RINVPARLEN = 0xC2
    ESME_RMISSINGOPTPARAM = 0xC3
    ESME_RINVOPTPARAMVAL = 0xC4
    ESME_RDELIVERYFAILURE = 0xFE
    ESME_RUNKNOWNERR = 0xFF
    ESME_RSERTYPUNAUTH = 0x100
    ESME_RPROHIBITED = 0x101
    ESME_RSERTYPUNAVAIL = 0x102
    ESME_RSERTYPDENIED = 0x103
    ESME_RINVDCS = 0x104
    ESME_RINVSRCADDRSUBUNIT = 0x105
    ESME_RINVDSTADDRSUBUNIT = 0x106


@unique
class Tlv(IntEnum):
    """Tags of optional parameters. Others are kept by number."""

    QOS_TIME_TO_LIVE = 0x0017
    ADDITIONAL_STATUS_INFO_TEXT = 0x001D
    RECEIPTED_MESSAGE_ID = 0x001E
    USER_MESSAGE_REFERENCE = 0x0204
    SOURCE_PORT = 0x020A
    DESTINATION_PORT = 0x020B
    SAR_MSG_REF_NUM = 0x020C
    SAR_TOTAL_SEGMENTS = 0x020E
    SAR_SEGMENT_SEQNUM = 0x020F
    SC_INTERFACE_VERSION = 0x0210
    DPF_RESULT = 0x0420
    NETWORK_ERROR_CODE = 0x0423
    MESSAGE_PAYLOAD = 0x0424
    DELIVERY_FAILURE_REASON = 0x0425
    MORE_MESSAGES_TO_SEND = 0x0426
    MESSAGE_STATE = 0x0427
    CONGESTION_STATE = 0x0428
    USSD_SERVICE_OP = 0x0501


@unique
class EsmClass(IntEnum):
    """Bits of `esm_class`, to be combined with `|`. What kind of message it is stands in bits 2 to 5."""

    DELIVERY_RECEIPT = 0x04
    SME_DELIVERY_ACK = 0x08
    SME_USER_ACK = 0x10
    CONVERSATION_ABORT = 0x18
    INTERMEDIATE = 0x20
    UDHI = 0x40
    REPLY_PATH = 0x80


def status_name(status: int) -> str:
    """How a status is written for people, e.g. "0x0000000b ESME_RINVDSTADR"; unknown ones by number alone."""
    try:
        return f"{status:#010x} {Status(status).name}"
    except ValueError:
        return f"{status:#010x}"


def command_name(command_id: int) -> str:
    """How a command is written for people, e.g. "submit_sm"; unknown ones by number."""
    try:
        return Command(command_id).name.lower()
    except ValueError:
        return f"{command_id:#010x}"
