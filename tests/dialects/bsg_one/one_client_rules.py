"""What the strictest published client of the One API checks in an answer, written down as assertions.

It holds scalars to their exact types, enums to closed lists, and parses dates; null is fine anywhere and keys
it does not know are ignored. Breaking a rule here means that such a client raises instead of returning.
"""

from datetime import datetime

MESSAGE_STATUSES = {
    "scheduled",
    "moderation",
    "accepted",
    "sending",
    "sent",
    "delivered",
    "expired",
    "failed",
}
MESSAGE_STATUSES |= {"undelivered", "unknown", "read", "not_viber_user", "not_service_user"}
MESSAGE_TYPES = {"sms", "viber", "hlr", "rcs", "whatsapp"}
MESSAGE_SOURCES = {"web", "rest", "smpp", "xml", "twoway", "twoway_api", "2fa", "voicebot"}
CAMPAIGN_STATUSES = {"creation", "scheduled", "sending", "done", "paused", "stopped", "spam", "moderation"}
PHONES = range(100_000_000, 10**15)

MESSAGE_MEMBERS = {
    "id",
    "campaign_id",
    "reference_id",
    "type",
    "source",
    "text",
    "phone",
    "validity",
    "status",
}
MESSAGE_MEMBERS |= {"amount", "sender", "created_at", "sent_at", "delivered_at", "country", "parts"}
CAMPAIGN_MEMBERS = {
    "id",
    "name",
    "sender",
    "status",
    "message_type",
    "start_at",
    "real_start_at",
    "finished_at",
}
CAMPAIGN_MEMBERS |= {"created_at", "statistics", "calculated_price", "currency", "alternative_channels"}


def is_integer(value, allowed=None):
    """A JSON integer or null; bool is none."""
    assert value is None or type(value) is int, value
    assert value is None or allowed is None or value in allowed, value


def is_text(value):
    """A string or null."""
    assert value is None or type(value) is str, value


def is_one_of(value, words):
    """A word of a closed list, in its exact case, or null."""
    assert value is None or value in words, value


def is_date(value):
    """A date in the documented form, or null."""
    if value is not None:
        assert f"{datetime.strptime(value, '%Y-%m-%d %H:%M:%S'):%Y-%m-%d %H:%M:%S}" == value  # noqa: DTZ007


def is_number(value):
    """A JSON number or null; a string is none."""
    assert value is None or type(value) in {int, float}, value


def check_message(item):
    """One element of GET /api/messages: documented members present, types and lists as clients hold them."""
    assert set(item) >= MESSAGE_MEMBERS
    is_integer(item["id"], range(1, 2**63))
    is_integer(item["campaign_id"])
    is_integer(item["phone"], PHONES)
    is_integer(item["parts"])
    is_integer(item["validity"], range(1, 73))
    for name in ("reference_id", "text", "sender", "country"):
        is_text(item[name])
    for name in ("created_at", "sent_at", "delivered_at"):
        is_date(item[name])
    is_one_of(item["type"], MESSAGE_TYPES)
    is_one_of(item["source"], MESSAGE_SOURCES)
    is_one_of(item["status"], MESSAGE_STATUSES)
    check_amount(item["amount"])
    assert item.get("rcs_options") is None or item["rcs_options"]
    assert item.get("alternative_channels") is None or type(item["alternative_channels"]) is dict


def check_amount(amount):
    """A price: an object with a decimal string."""
    assert type(amount) is dict
    is_text(amount["value"])
    whole, _, decimals = amount["value"].lstrip("-").partition(".")
    assert whole.isdigit()
    assert decimals.isdigit()
    assert len(decimals) == 7
    is_text(amount["currency"])


def check_message_list(answer):
    """The whole answer of GET /api/messages."""
    assert type(answer["data"]) is list
    for item in answer["data"]:
        check_message(item)
    page = answer["meta"]["page"]
    assert set(page) == {"total", "offset", "limit"}
    for value in page.values():
        assert type(value) is int
        assert value >= 0


def check_campaign(answer):
    """A campaign in short, with its envelope."""
    data = answer["data"]
    assert set(data) >= CAMPAIGN_MEMBERS
    assert type(data["id"]) is int
    is_text(data["name"])
    is_text(data["sender"])
    is_one_of(data["status"], CAMPAIGN_STATUSES)
    is_one_of(data["message_type"], MESSAGE_TYPES)
    for name in ("start_at", "real_start_at", "finished_at", "created_at"):
        is_date(data[name])
    assert type(data["statistics"]) is dict
    is_integer(data["statistics"]["delivered"])
    is_integer(data["statistics"]["sent"])
    is_number(data["calculated_price"])
    is_text(data["currency"])


def check_balance(answer):
    """The balance, with its envelope."""
    is_number(answer["data"]["balance"])
    is_number(answer["data"]["credit"])
    is_text(answer["data"]["currency"])


def check_problem(status, answer):
    """Any refusal: a text, and for validation an object of lists of texts or an empty list."""
    assert type(answer["message"]) is str
    assert answer["message"]
    if "code" in answer:
        assert answer["code"] == status
    errors = answer.get("errors", [])
    assert errors == [] or type(errors) is dict
    for path, texts in errors.items() if errors else ():
        assert path.replace("_", "").isalnum()
        assert texts
        assert all(type(text) is str for text in texts)
