"""What an application does with the published `bsg-sdk`, unmodified: BASE_URL KEY NUMBER. Prints what it decoded."""

import json
import sys
import time

import bsg_api
from bsg_api import models

URL, KEY, NUMBER = sys.argv[1], sys.argv[2], int(sys.argv[3])
DEADLINE_S, POLL_S = 30, 0.05


def configured(**more):
    return bsg_api.ApiClient(bsg_api.Configuration(host=URL, **more))


def delivered(messages, campaign_id):
    """The campaign's message once it is delivered."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        page = messages.get_messages(filter_campaign_id=campaign_id)
        if page.data[0].status == models.MessageStatus.DELIVERED:
            return page
        time.sleep(POLL_S)
    raise SystemExit(f"not delivered: {page}")


def main():
    with configured() as client:
        login = bsg_api.AuthApi(client).login(models.LoginRequest(api_key=KEY))
    with configured(access_token=login.bearer) as client:
        campaigns, messages = bsg_api.CampaignSMSApi(client), bsg_api.MessagesSMSApi(client)
        phone = models.SmsSendRequestPhonesItem(number=NUMBER, reference_id="SdkOrder1")
        sent = campaigns.sms_send(
            models.SmsSendRequest(phones=[phone], sender="BSG", text="Hello from the SDK")
        )
        page = delivered(messages, sent.data.id)
        [item] = page.data
        by_reference = messages.get_messages(filter_reference_id="SdkOrder1", page_limit=15, sort="id")
        by_id = messages.get_messages(filter_id=item.id, filter_from=item.created_at, way=models.SortWay.DESC)
        nothing = messages.get_messages(filter_id=item.id + 1_000_000)
        campaign = bsg_api.CampaignApi(client).campaign(sent.data.id)
        balance = bsg_api.BalanceApi(client).account_balance()
    json.dump(
        {
            "sent": type(sent).__name__,
            "campaign": type(campaign.data).__name__,
            "campaign_id": [sent.data.id, campaign.data.id, item.campaign_id],
            "campaign_status": campaign.data.status,
            "item": type(item).__name__,
            "amount": [item.amount.value, item.amount.currency],
            "text": item.text,
            "phone": item.phone,
            "status": item.status,
            "times": all([item.created_at, item.sent_at, item.delivered_at]),
            "page": [page.meta.page.total, page.meta.page.limit, page.meta.page.offset],
            "found": [[one.id for one in some.data] == [item.id] for some in (by_reference, by_id)],
            "nothing": [nothing.data, nothing.meta.page.total],
            "balance": [type(balance.data).__name__, balance.data.balance, balance.data.currency],
            "refused": refusal(),
            "invalid": invalid(login.bearer),
        },
        sys.stdout,
    )


def refusal():
    """What the SDK makes of a bad key."""
    try:
        with configured() as client:
            bsg_api.AuthApi(client).login(models.LoginRequest(api_key="live_wrong"))
    except bsg_api.ApiException as refused:
        return [type(refused).__name__, refused.status]
    return None


def invalid(bearer):
    """What the SDK makes of a campaign that cannot be."""
    phone = models.SmsSendRequestPhonesItem(number=NUMBER)
    request = models.SmsSendRequest(phones=[phone], sender="A sender that is far too long", text="Hi")
    try:
        with configured(access_token=bearer) as client:
            bsg_api.CampaignSMSApi(client).sms_send(request)
    except bsg_api.ApiException as refused:
        return [type(refused).__name__, refused.status, json.loads(refused.body)["message"]]
    return None


if __name__ == "__main__":
    main()
