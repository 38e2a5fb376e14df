"""Shapes of requests and answers. Unknown keys are ignored, `null` is absent, unset keys are not written."""

import msgspec
from msgspec import UNSET, UnsetType

from tidings.dialects.infobip.codes import Status


class Destination(msgspec.Struct, rename="camel"):
    """One recipient of a message."""

    to: str | None = None
    message_id: str | None = None


class Language(msgspec.Struct, rename="camel"):
    """The national character table; a community client sends the bare code instead of this object."""

    language_code: str | None = None


class TimeOfDay(msgspec.Struct):
    """UTC."""

    hour: int | None = None
    minute: int | None = None


class DeliveryTimeWindow(msgspec.Struct):
    """When a message may be sent."""

    days: list[str] | None = None
    opens: TimeOfDay | None = msgspec.field(default=None, name="from")
    closes: TimeOfDay | None = msgspec.field(default=None, name="to")


class IndiaDlt(msgspec.Struct, rename="camel"):
    """What Indian operators demand."""

    content_template_id: str | None = None
    principal_entity_id: str | None = None
    telemarketer_id: str | None = None


class TurkeyIys(msgspec.Struct, rename="camel"):
    """What Turkish law demands; the brand code is a number here and a text in the query form."""

    brand_code: int | str | None = None
    recipient_type: str | None = None


class SouthKorea(msgspec.Struct, rename="camel"):
    """What South Korean operators demand."""

    reseller_code: int | None = None
    title: str | None = None


class Regional(msgspec.Struct, rename="camel"):
    """Parameters of single countries."""

    india_dlt: IndiaDlt | None = None
    turkey_iys: TurkeyIys | None = None
    south_korea: SouthKorea | None = None


class TextMessage(msgspec.Struct, rename="camel"):
    """One text for any number of recipients."""

    destinations: list[Destination] | None = None
    sender: str | None = msgspec.field(default=None, name="from")
    text: str | None = None
    flash: bool | None = None
    intermediate_report: bool | None = None
    callback_data: str | None = None
    notify_url: str | None = None
    notify_content_type: str | None = None
    language: Language | str | None = None
    transliteration: str | None = None
    validity_period: int | None = None  # minutes
    send_at: str | None = None
    delivery_time_window: DeliveryTimeWindow | None = None
    regional: Regional | None = None
    entity_id: str | None = None
    application_id: str | None = None
    campaign_reference_id: str | None = None


class SendingSpeedLimit(msgspec.Struct, rename="camel"):
    """How many messages may leave per unit of time."""

    amount: int | None = None
    time_unit: str | None = None


class UrlOptions(msgspec.Struct, rename="camel"):
    """Shortening of links in the text; giving the object switches it on."""

    shorten_url: bool | None = None
    track_clicks: bool | None = None
    tracking_url: str | None = None
    remove_protocol: bool | None = None
    custom_domain: str | None = None


class Tracking(msgspec.Struct, rename="camel"):
    """Conversion tracking of old."""

    base_url: str | None = None
    process_key: str | None = None
    track: str | None = None
    type: str | None = None


class AdvancedTextRequest(msgspec.Struct, rename="camel"):
    """The body of POST /sms/2/text/advanced."""

    bulk_id: str | None = None
    messages: list[TextMessage] | None = None
    sending_speed_limit: SendingSpeedLimit | None = None
    url_options: UrlOptions | None = None
    tracking: Tracking | None = None
    include_sms_count_in_response: bool | None = None


class SentMessage(msgspec.Struct, rename="camel"):
    """What became of one recipient of a request."""

    message_id: str | UnsetType
    status: Status
    to: str
    sms_count: int | UnsetType = UNSET


class SendResponse(msgspec.Struct, rename="camel"):
    """The answer to a send."""

    bulk_id: str
    messages: list[SentMessage]
