"""What an application does with the published `infobip-api-python-sdk` 5.0.1, unmodified: BASE_URL KEY NUMBER ID.

Where an answer does not fit its models, this SDK hands back the raw HTTP response without a word. So the types
are what is printed.
"""

import json
import sys
import time

from infobip_channels.sms.channel import SMSChannel

URL, KEY, NUMBER, ID = sys.argv[1:]
DEADLINE_S, POLL_S = 30, 0.05


def reported(channel, message_id):
    """The message's one-time report, when there is one."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        reports = channel.get_outbound_sms_delivery_reports({"message_id": message_id, "limit": 10})
        if not hasattr(reports, "results"):
            raise SystemExit(f"raw: {reports!r} {reports.text}")
        if reports.results:
            return reports
        time.sleep(POLL_S)
    raise SystemExit("no report")


def main():
    channel = SMSChannel.from_auth_params({"base_url": URL, "api_key": KEY})
    message = {
        "destinations": [{"to": NUMBER, "message_id": f"order-{ID}"}],
        "from": "BSG",
        "text": "Hello from the SDK",
    }
    sent = channel.send_sms_message({"messages": [message], "bulk_id": f"bulk-{ID}"})
    reports = reported(channel, f"order-{ID}")
    [report] = reports.results
    again = channel.get_outbound_sms_delivery_reports({"bulk_id": f"bulk-{ID}"})
    stranger = SMSChannel.from_auth_params({"base_url": URL, "api_key": "wrong"})
    refused = stranger.get_outbound_sms_delivery_reports()
    json.dump(
        {
            "sent": type(sent).__name__,
            "accepted": [sent.bulk_id, sent.messages[0].message_id, sent.messages[0].status.name],
            "reports": type(reports).__name__,
            "report": type(report).__name__,
            "ids": [report.bulk_id, report.message_id, report.to],
            "status": [report.status.group_name, report.status.name],
            "error": [report.error.name, report.error.permanent],
            "price": [report.price.price_per_message, report.price.currency],
            "again": [type(again).__name__, again.results],
            "refused": [type(refused).__name__, int(refused.status_code)],
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
