"""The registry of status and error codes that a report may carry, as the vendor's clients know them.

Ids, names, groups and the `permanent` flags are those of the vendor's code pages of 2026; nothing outside
this table is ever written. Voice-only statuses (96-99) are left out: no message here can have them. Status
texts are wire literals where one is known and our own words where none was found (29, 31, 87, 100). Of the
error texts only those of 0 and 7002 are known; the others are the name in words. The 7xxx family belongs to
chat channels and is written with group 1, as the vendor's own examples do.
"""

import msgspec
from msgspec import UNSET, UnsetType

STATUS_GROUPS = {0: "ACCEPTED", 1: "PENDING", 2: "UNDELIVERABLE", 3: "DELIVERED", 4: "EXPIRED", 5: "REJECTED"}
ERROR_GROUPS = {0: "Ok", 1: "HANDSET_ERRORS", 2: "USER_ERRORS", 3: "OPERATOR_ERRORS"}
OK, HANDSET, USER, OPERATOR = ERROR_GROUPS


class Status(msgspec.Struct, frozen=True, rename="camel"):
    """The `status` object of a report or of a send response, in the order it is written."""

    group_id: int
    group_name: str
    id: int
    name: str
    description: str
    action: str | UnsetType = UNSET


class Error(msgspec.Struct, frozen=True, rename="camel"):
    """The `error` object of a report, in the order it is written."""

    group_id: int
    group_name: str
    id: int
    name: str
    description: str
    permanent: bool


def _status(id: int, group: int, name: str, description: str, action: str | UnsetType = UNSET) -> Status:
    return Status(group, STATUS_GROUPS[group], id, name, description, action)


def _error(id: int, group: int, name: str, permanent: bool) -> Error:
    words = name.removeprefix("EC_").replace("_", " ").title()
    return Error(group, ERROR_GROUPS[group], id, name, _KNOWN_TEXTS.get(id, words), permanent)


_KNOWN_TEXTS = {0: "No Error", 7002: "No matching user found (on platform or on provider)"}


_STATUSES = (
    _status(0, 0, "MESSAGE_ACCEPTED", "Message accepted"),
    _status(1, 1, "PENDING_TIME_VIOLATION", "Time window violation"),
    _status(2, 3, "DELIVERED_TO_OPERATOR", "Message delivered to operator"),
    _status(3, 1, "PENDING_WAITING_DELIVERY", "Message sent, waiting for delivery report"),
    _status(4, 2, "UNDELIVERABLE_REJECTED_OPERATOR", "Message rejected by operator"),
    _status(5, 3, "DELIVERED_TO_HANDSET", "Message delivered to handset"),
    _status(6, 5, "REJECTED_NETWORK", "Network is forbidden", "Contact account manager"),
    _status(7, 1, "PENDING_ENROUTE", "Message sent to next instance"),
    _status(8, 5, "REJECTED_PREFIX_MISSING", "Number prefix missing"),
    _status(9, 2, "UNDELIVERABLE_NOT_DELIVERED", "Message sent not delivered"),
    _status(10, 5, "REJECTED_DND", "Destination on DND list"),
    _status(11, 5, "REJECTED_SOURCE", "Invalid Source address"),
    _status(12, 5, "REJECTED_NOT_ENOUGH_CREDITS", "Not enough credits"),
    _status(13, 5, "REJECTED_SENDER", "By Sender", "Remove sender from blacklist"),
    _status(14, 5, "REJECTED_DESTINATION_BLOCKLISTED", "By Destination", "Remove destination from blacklist"),
    _status(15, 4, "EXPIRED_EXPIRED", "Message expired"),
    _status(16, 5, "REJECTED_NOT_REACHABLE", "Network not reachable"),
    _status(
        17,
        5,
        "REJECTED_PREPAID_PACKAGE_EXPIRED",
        "Prepaid package expired",
        "Top-Up your account to extend the validity period",
    ),
    _status(18, 5, "REJECTED_DESTINATION_NOT_REGISTERED", "Destination not registered"),
    _status(19, 5, "REJECTED_ROUTE_NOT_AVAILABLE", "Route not available", "Contact account manager"),
    _status(20, 5, "REJECTED_FLOODING_FILTER", "Rejected flooding", "STOP SPAMMING"),
    _status(21, 5, "REJECTED_SYSTEM_ERROR", "System error"),
    _status(22, 4, "EXPIRED_UNKNOWN", "Unknown Reason"),
    _status(23, 5, "REJECTED_DUPLICATE_MESSAGE_ID", "Rejected duplicate message ID"),
    _status(24, 5, "REJECTED_INVALID_UDH", "Rejected invalid UDH"),
    _status(25, 5, "REJECTED_MESSAGE_TOO_LONG", "Rejected message too long"),
    _status(26, 1, "PENDING_ACCEPTED", "Message sent to next instance"),
    _status(29, 4, "EXPIRED_DLR_UNKNOWN", "No delivery report received"),
    _status(31, 2, "UNDELIVERABLE_NOT_SENT", "Message not sent"),
    _status(51, 5, "MISSING_TO", "Missing destination.", "Check to parameter."),
    _status(52, 5, "REJECTED_DESTINATION", "Invalid destination address.", "Check to parameter."),
    _status(87, 5, "SIGNALS_BLOCKED", "Blocked as suspected fraud"),
    _status(100, 5, "UNDELIVERABLE_REJECTED_PLATFORM", "Message rejected by platform"),
)

STATUSES: dict[int, Status] = {status.id: status for status in _STATUSES}
"""Every status by id. 87 also exists in group 4, where the message was charged: never the case here."""

_PLAIN = (
    _error(0, OK, "NO_ERROR", False),
    _error(1, HANDSET, "EC_UNKNOWN_SUBSCRIBER", True),
    _error(2, HANDSET, "EC_UNKNOWN_BASE_STATION", False),
    _error(5, HANDSET, "EC_UNIDENTIFIED_SUBSCRIBER", False),
    _error(6, HANDSET, "EC_ABSENT_SUBSCRIBER_SM", False),
    _error(7, HANDSET, "EC_UNKNOWN_EQUIPMENT", False),
    _error(8, HANDSET, "EC_ROAMING_NOT_ALLOWED", False),
    _error(9, HANDSET, "EC_ILLEGAL_SUBSCRIBER", True),
    _error(11, HANDSET, "EC_TELESERVICE_NOT_PROVISIONED", True),
    _error(12, HANDSET, "EC_ILLEGAL_EQUIPMENT", True),
    _error(13, HANDSET, "EC_CALL_BARRED", False),
    _error(21, HANDSET, "EC_FACILITY_NOT_SUPPORTED", False),
    _error(27, HANDSET, "EC_ABSENT_SUBSCRIBER", False),
    _error(31, HANDSET, "EC_SUBSCRIBER_BUSY_FOR_MT_SMS", False),
    _error(32, HANDSET, "EC_SM_DELIVERY_FAILURE", False),
    _error(33, HANDSET, "EC_MESSAGE_WAITING_LIST_FULL", False),
    _error(34, HANDSET, "EC_SYSTEM_FAILURE", False),
    _error(35, HANDSET, "EC_DATA_MISSING", False),
    _error(36, HANDSET, "EC_UNEXPECTED_DATA_VALUE", False),
    _error(255, HANDSET, "EC_UNKNOWN_ERROR", False),
    _error(256, HANDSET, "EC_SM_DF_MEMORYCAPACITYEXCEEDED", False),
    _error(257, HANDSET, "EC_SM_DF_EQUIPMENTPROTOCOLERROR", False),
    _error(258, HANDSET, "EC_SM_DF_EQUIPMENTNOTSM_EQUIPPED", False),
    _error(259, HANDSET, "EC_SM_DF_UNKNOWNSERVICECENTRE", False),
    _error(260, HANDSET, "EC_SM_DF_SC_CONGESTION", False),
    _error(261, HANDSET, "EC_SM_DF_INVALIDSME_ADDRESS", False),
    _error(262, HANDSET, "EC_SM_DF_SUBSCRIBERNOTSC_SUBSCRIBER", False),
    _error(500, HANDSET, "EC_PROVIDER_GENERAL_ERROR", False),
    _error(502, HANDSET, "EC_NO_RESPONSE", False),
    _error(503, HANDSET, "EC_SERVICE_COMPLETION_FAILURE", False),
    _error(504, HANDSET, "EC_UNEXPECTED_RESPONSE_FROM_PEER", False),
    _error(507, HANDSET, "EC_MISTYPED_PARAMETER", False),
    _error(508, HANDSET, "EC_NOT_SUPPORTED_SERVICE", False),
    _error(509, HANDSET, "EC_DUPLICATED_INVOKE_ID", False),
    _error(565, HANDSET, "EC_CANNOT_RECEIVE_SC", True),
    _error(573, HANDSET, "EC_SC_BLOCKED_BY_END_USER", True),
    _error(581, HANDSET, "EC_USER_OUT_OF_CREDIT", False),
    _error(628, HANDSET, "EC_TEMPORARY_HANDSET_FAILURE", True),
    _error(629, HANDSET, "EC_DEST_ADDRESS_UNABLE_TO_RECEIVE_SMS", True),
    _error(1024, HANDSET, "EC_OR_APPCONTEXTNOTSUPPORTED", False),
    _error(1025, HANDSET, "EC_OR_INVALIDDESTINATIONREFERENCE", False),
    _error(1026, HANDSET, "EC_OR_INVALIDORIGINATINGREFERENCE", False),
    _error(1027, HANDSET, "EC_OR_ENCAPSULATEDAC_NOTSUPPORTED", False),
    _error(1028, HANDSET, "EC_OR_TRANSPORTPROTECTIONNOTADEQUATE", False),
    _error(1029, HANDSET, "EC_OR_NOREASONGIVEN", False),
    _error(1030, HANDSET, "EC_OR_POTENTIALVERSIONINCOMPATIBILITY", False),
    _error(1031, HANDSET, "EC_OR_REMOTENODENOTREACHABLE", False),
    _error(1152, HANDSET, "EC_NNR_NOTRANSLATIONFORANADDRESSOFSUCHNATURE", False),
    _error(1153, HANDSET, "EC_NNR_NOTRANSLATIONFORTHISSPECIFICADDRESS", False),
    _error(1154, HANDSET, "EC_NNR_SUBSYSTEMCONGESTION", False),
    _error(1155, HANDSET, "EC_NNR_SUBSYSTEMFAILURE", False),
    _error(1156, HANDSET, "EC_NNR_UNEQUIPPEDUSER", False),
    _error(1157, HANDSET, "EC_NNR_MTPFAILURE", False),
    _error(1158, HANDSET, "EC_NNR_NETWORKCONGESTION", False),
    _error(1159, HANDSET, "EC_NNR_UNQUALIFIED", False),
    _error(1160, HANDSET, "EC_NNR_ERRORINMESSAGETRANSPORTXUDT", False),
    _error(1161, HANDSET, "EC_NNR_ERRORINLOCALPROCESSINGXUDT", False),
    _error(1162, HANDSET, "EC_NNR_DESTINATIONCANNOTPERFORMREASSEMBLYXUDT", False),
    _error(1163, HANDSET, "EC_NNR_SCCPFAILURE", False),
    _error(1164, HANDSET, "EC_NNR_HOPCOUNTERVIOLATION", False),
    _error(1165, HANDSET, "EC_NNR_SEGMENTATIONNOTSUPPORTED", False),
    _error(1166, HANDSET, "EC_NNR_SEGMENTATIONFAILURE", False),
    _error(1281, HANDSET, "EC_UA_USERSPECIFICREASON", False),
    _error(1282, HANDSET, "EC_UA_USERRESOURCELIMITATION", False),
    _error(1283, HANDSET, "EC_UA_RESOURCEUNAVAILABLE", False),
    _error(1284, HANDSET, "EC_UA_APPLICATIONPROCEDURECANCELLATION", False),
    _error(1536, HANDSET, "EC_PA_PROVIDERMALFUNCTION", False),
    _error(1537, HANDSET, "EC_PA_SUPPORTINGDIALOGORTRANSACTIONREALEASED", False),
    _error(1538, HANDSET, "EC_PA_RESSOURCELIMITATION", False),
    _error(1539, HANDSET, "EC_PA_MAINTENANCEACTIVITY", False),
    _error(1540, HANDSET, "EC_PA_VERSIONINCOMPATIBILITY", False),
    _error(1541, HANDSET, "EC_PA_ABNORMALMAPDIALOG", False),
    _error(1792, HANDSET, "EC_NC_ABNORMALEVENTDETECTEDBYPEER", False),
    _error(1793, HANDSET, "EC_NC_RESPONSEREJECTEDBYPEER", False),
    _error(1794, HANDSET, "EC_NC_ABNORMALEVENTRECEIVEDFROMPEER", False),
    _error(1795, HANDSET, "EC_NC_MESSAGECANNOTBEDELIVEREDTOPEER", False),
    _error(1796, HANDSET, "EC_NC_PROVIDEROUTOFINVOKE", False),
    _error(7002, HANDSET, "EC_UNKNOWN_USER", True),
    _error(7003, HANDSET, "EC_BLOCKED_USER", True),
    _error(7005, HANDSET, "EC_FORBIDDEN_ACCESS", True),
    _error(7006, HANDSET, "EC_BAD_REQUEST", True),
    _error(7010, HANDSET, "EC_NO_SESSION", True),
    _error(7017, HANDSET, "EC_TOO_MANY_REQUESTS", False),
    _error(7032, HANDSET, "EC_FREQUENCY_CAPPING", True),
    _error(7201, HANDSET, "EC_UNSUPPORTED_DEVICE", True),
    _error(323, USER, "EC_INVALID_REQUEST_TYPE", True),
    _error(351, USER, "EC_INVALID_DESTINATION_ADDRESS", False),
    _error(352, USER, "EC_INVALID_REQUEST_DESTINATION", True),
    _error(355, USER, "EC_MSG_TEXT_TOO_LONG", True),
    _error(368, USER, "EC_INVALID_SOURCE_ADDRESS", True),
    _error(433, USER, "EC_ACCOUNT_ACCESS_DENIED", True),
    _error(541, USER, "EC_LIMIT_REACHED", False),
    _error(542, USER, "EC_QUOTA_REACHED", False),
    _error(572, USER, "EC_CAMPAIGNID_NOT_PROVISIONED", True),
    _error(577, USER, "EC_ACC_NOT_PROVISIONED_TO_SMS_DEMO_SC", True),
    _error(578, USER, "EC_EXCEEDED_THE_TIME_LIMIT_OF_SMS_DEMO", True),
    _error(579, USER, "EC_DEST_ADDRESS_NOT_IN_SMS_DEMO", True),
    _error(580, USER, "EC_EXCEEDED_THE_MAX_NUMBER", True),
    _error(594, USER, "EC_INVALID_GLOBAL_CAMPAIGN_ID", True),
    _error(597, USER, "EC_ACC_HAS_NO_ADRESS_FOR_DESR", True),
    _error(598, USER, "EC_INTERACTION_NOT_SUPPORTED", True),
    _error(601, USER, "EC_ACC_NOT_2_WAY", True),
    _error(603, USER, "EC_CONTENT_BLOCKED", True),
    _error(604, USER, "EC_BLOCKED_BY_CAMPAIGN_BLACKLIST", True),
    _error(607, USER, "EC_REJECTED_SPAM_BY_OPERATOR", True),
    _error(608, USER, "EC_SIGNALS_BLOCKED", False),
    _error(609, USER, "EC_SIGNALS_HARD_LIMIT_REACHED", True),
    _error(2049, USER, "EC_IMSI_BLACKLISTED", True),
    _error(2052, USER, "EC_BLACKLISTED_DESTINATIONADDRESS", True),
    _error(2053, USER, "EC_BLACKLISTED_SENDERADDRESS", True),
    _error(3041, USER, "EC_DEACTIVATED_LIST", True),
    _error(4096, USER, "EC_INVALID_PDU_FORMAT", True),
    _error(4099, USER, "EC_MONTHLY_LIMIT_REACHED", True),
    _error(4100, USER, "EC_MESSAGE_CANCELED", True),
    _error(4101, USER, "EC_VALIDITY_EXPIRED", True),
    _error(4102, USER, "EC_NOTSUBMITTEDTOSMPPCHANNEL", True),
    _error(4103, USER, "EC_DESTINATION_FLOODING", True),
    _error(4104, USER, "EC_DESTINATION_TXT_FLOODING", True),
    _error(4202, USER, "EC_10DLC_LIMIT_REACHED", True),
    _error(10, OPERATOR, "EC_BEARER_SERVICE_NOT_PROVISIONED", True),
    _error(15, OPERATOR, "EC_CUG_REJECT", False),
    _error(20, OPERATOR, "EC_SS_INCOMPATIBILITY", False),
    _error(24, OPERATOR, "EC_NO_RADIO_RESOURCE_AVAILABLE", False),
    _error(51, OPERATOR, "EC_RESOURCE_LIMITATION", True),
    _error(71, OPERATOR, "EC_UNKNOWN_ALPHABET", False),
    _error(345, OPERATOR, "EC_OPERATOR_NOT_FOUND", True),
    _error(375, OPERATOR, "EC_SOURCE_ADDRESS_IS_BLOCKED", True),
    _error(488, OPERATOR, "EC_TF_NUMBER_NOT_VERIFIED", True),
    _error(501, OPERATOR, "EC_INVALID_RESPONSE_RECEIVED", False),
    _error(560, OPERATOR, "EC_SC_BLOCKED_FOR_END_USER", True),
    _error(561, OPERATOR, "EC_CONTENT_BLOCKED_BY_OPERATOR", True),
    _error(562, OPERATOR, "EC_SC_NOT_PROVISIONED", True),
    _error(563, OPERATOR, "EC_SC_EXPIRED", True),
    _error(564, OPERATOR, "EC_SC_BLOCKED", True),
    _error(566, OPERATOR, "EC_DESTINATION_BLOCKED_BY_OPERATOR", True),
    _error(568, OPERATOR, "EC_DESTINATION_NOT_SMS_PROVISIONED", True),
    _error(569, OPERATOR, "EC_DEST_ADDRESS_SUSPENDED", True),
    _error(571, OPERATOR, "EC_CAMPAIGN_ID_REJECTED", False),
    _error(574, OPERATOR, "EC_BLOCKED_NEW_SUBSCRIPTIONS_FOR_SC", True),
    _error(592, OPERATOR, "EC_ACCOUNT_NOT_PROVISIONED_FOR_CHANNEL", True),
    _error(630, OPERATOR, "EC_DEST_OVERLOADED", True),
    _error(631, OPERATOR, "EC_MOBILE_OPERATOR_NETWORK_ERROR", True),
    _error(632, OPERATOR, "EC_SMS_REJECTED_BY_MOBILE_OPERATOR", True),
    _error(633, OPERATOR, "EC_UNKNOWN_MOBILE_OPERATOR", True),
    _error(810, OPERATOR, "EC_FAILED_MESSAGE_DELIVERY", True),
    _error(811, OPERATOR, "EC_MESSAGE_EXPIRED", True),
    _error(815, OPERATOR, "EC_MESSAGE_SUBMITTED_NOT_ACKED", True),
    _error(2048, OPERATOR, "EC_TIME_OUT", False),
    _error(2050, OPERATOR, "EC_DEST_ADDRESS_BLACKLISTED", True),
    _error(2051, OPERATOR, "EC_INVALIDMSCADDRESS", False),
    _error(4097, OPERATOR, "EC_NOTSUBMITTEDTOGMSC", False),
    _error(4098, OPERATOR, "EC_VP_EXPIRED", False),
    _error(5492, OPERATOR, "EC_DUPLICATE_MESSAGE", True),
)

# India DLT: the vendor gives neither group nor flag.
_DLT = (
    (4106, "EC_BLOCKED_BY_DLT"),
    (4107, "EC_DLT_SCRUBBING_TIMEOUT"),
    (4108, "EC_SENDER_BLOCKED_BY_DLT"),
    (4109, "EC_TELEMARKETER_BLOCKED_BY_DLT"),
    (4110, "EC_ENTITY_BLOCKED_BY_DLT"),
    (4111, "EC_TEMPLATE_BLOCKED_BY_DLT"),
    (4112, "EC_ENTITY_NOT_FOUND"),
    (4113, "EC_ENTITY_NOT_REGISTERED"),
    (4114, "EC_ENTITY_INACTIVE"),
    (4115, "EC_ENTITY_BLACKLISTED"),
    (4116, "EC_INVALID_ENTITY_ID"),
    (4117, "EC_ENTITY_ID_NOT_ALLOWED_FOR_TM"),
    (4118, "EC_TELEMARKETER_NOT_REGISTERED"),
    (4119, "EC_TELEMARKETER_INACTIVE"),
    (4120, "EC_TELEMARKETER_BLACKLISTED"),
    (4121, "EC_HEADER_NOT_FOUND"),
    (4122, "EC_HEADER_INACTIVE"),
    (4123, "EC_HEADER_BLACKLISTED"),
    (4124, "EC_PEID_NOT_MATCHED_WITH_HEADER"),
    (4125, "EC_HEADER_IN_FREEPOOL"),
    (4126, "EC_TEMPLATE_NOT_FOUND"),
    (4127, "EC_TEMPLATE_INACTIVE"),
    (4128, "EC_TEMPLATE_BLACKLISTED"),
    (4129, "EC_TEMPLATE_NOT_MATCHED"),
    (4130, "EC_HEADER_NOT_REGISTERED_FOR_TEMPLATE"),
    (4131, "EC_TEMPLATE_VARIABLE_EXCEEDED_MAX_LENGTH"),
    (4132, "EC_ERROR_IDENTIFYING_TEMPLATE"),
    (4133, "EC_INVALID_TEMPLATE_ID"),
    (4134, "EC_TEMPLATE_NOT_REGISTERED_TO_ENTITY"),
    (4135, "EC_PROMOTIONAL_TEMPLATE_USED_ON_OTHERS_HEADER"),
    (4136, "EC_INVALID_TEMPLATE_TYPE"),
    (4137, "EC_PREFERENCE_NOT_MATCHED"),
    (4138, "EC_INVALID_PROMO_TIME"),
    (4139, "EC_SE_CATEGORY_BLOCK"),
    (4140, "EC_CONSENT_FAILED"),
    (4141, "EC_SCRUBBING_FAILED"),
    (4142, "EC_TLV_PEID_NOT_FOUND"),
    (4143, "EC_TLV_TMPID_NOT_FOUND"),
    (4144, "EC_CONTENT_MULTIPART_INCOMPLETE_BY_DLT"),
    (4146, "EC_HEADER_SUSPENDED_DUE_TO_VALIDITY"),
    (4147, "EC_HEADER_SUSPENDED_DUE_TO_USAGE"),
    (4148, "EC_HEADER_SUSPENDED_DUE_TO_CUSTOMER"),
    (4149, "EC_TEMPLATE_SUSPENDED_DUE_TO_VALIDITY"),
    (4150, "EC_TEMPLATE_SUSPENDED_DUE_TO_USAGE"),
    (4151, "EC_TEMPLATE_SUSPENDED_DUE_TO_CUSTOMER"),
    (4153, "EC_CTA_NOT_WHITELISTED"),
    (4154, "EC_PE_TM_HASH_NOT_RECEIVED"),
    (4155, "EC_PE_TM_HASH_NOT_REGISTERED"),
    (4156, "EC_PE_TM_HASH_INACTIVE"),
    (4157, "EC_PE_TM_HASH_BLACKLISTED"),
    (4158, "EC_PE_TM_HASH_SUSPENDED"),
)

ERRORS: dict[int, Error] = {
    error.id: error for error in (*_PLAIN, *(_error(id, OPERATOR, name, True) for id, name in _DLT))
}
"""Every error by id. 4102 is listed in groups 2 and 3: it stands for the sender's own route, so 2."""
