"""What an application does with the published `infobip-api-python-client` 4.0.0, unmodified: BASE_URL KEY NUMBER.
Prints what it decoded."""

import json
import sys
import time

import infobip_api_client as infobip
from infobip_api_client import models
from infobip_api_client.api.sms_api import SmsApi
from infobip_api_client.exceptions import ApiException  # the package's own ApiException is a model

URL, KEY, NUMBER = sys.argv[1:]
DEADLINE_S, POLL_S = 30, 0.05


def sms(key):
    configuration = infobip.Configuration(
        host=URL, api_key={"APIKeyHeader": key}, api_key_prefix={"APIKeyHeader": "App"}
    )
    return SmsApi(infobip.ApiClient(configuration))


def reported(api, message_id):
    """The message's one-time report, when there is one."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        reports = api.get_outbound_sms_message_delivery_reports(message_id=message_id, limit=10)
        if reports.results:
            return reports
        time.sleep(POLL_S)
    raise SystemExit("no report")


def main():
    api = sms(KEY)
    message = models.SmsTextualMessage(
        destinations=[models.SmsDestination(to=NUMBER, message_id="sdk-order-2")],
        **{"from": "BSG"},
        text="Hello from the SDK",
        callback_data="mine",
        entity_id="shop",
        application_id="orders",
    )
    request = models.SmsAdvancedTextualRequest(
        bulk_id="sdk-bulk-2", messages=[message], include_sms_count_in_response=True
    )
    sent = api.send_sms_message(request)
    [row] = sent.messages
    reports = reported(api, row.message_id)
    [report] = reports.results
    again = api.get_outbound_sms_message_delivery_reports(bulk_id="sdk-bulk-2")
    json.dump(
        {
            "sent": type(sent).__name__,
            "ids": [sent.bulk_id, row.message_id, report.bulk_id, report.message_id],
            "accepted": [row.status.group_id, row.status.id, row.status.name],
            "reports": type(reports).__name__,
            "report": type(report).__name__,
            "status": [
                report.status.group_id,
                report.status.group_name,
                report.status.id,
                report.status.name,
            ],
            "error": [report.error.id, report.error.name, report.error.permanent],
            "price": [report.price.price_per_message, report.price.currency],
            "echoed": [report.callback_data, report.entity_id, report.application_id, report.to],
            "count": report.sms_count,
            "times": report.sent_at <= report.done_at,
            "again": again.results,
            "refused": refusal(),
        },
        sys.stdout,
    )


def refusal():
    """What the SDK makes of a bad key."""
    try:
        sms("wrong").get_outbound_sms_message_delivery_reports()
    except ApiException as refused:
        error = refused.data.request_error.service_exception
        return [
            type(refused).__name__,
            refused.status,
            type(refused.data).__name__,
            error.message_id,
            error.text,
        ]
    return None


if __name__ == "__main__":
    main()
