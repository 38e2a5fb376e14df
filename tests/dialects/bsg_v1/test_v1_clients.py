"""Exchanges in the exact shape of each known client: bytes in, bytes out."""

from v1_customer import FIRST, Customer, phone


def one(number, reference, price=b"0.02"):
    """The answer to one recipient that was taken."""
    row = b'"error":0,"errorDescription":"No errors","reference":"%s","id":"%s","price":%s,"currency":"EUR"'
    row %= (reference.encode(), number.encode(), price)
    return b"{" + row + b',"result":{' + row + b"}}"


async def test_the_python_client_posts_json_with_a_charset(customer):
    answer = await customer.raw(
        "POST",
        "/rest/sms/create",
        b'{"destination": "phone", "msisdn": "380972920000", "reference": "3f2a9c01", "originator": "alpha name", '
        b'"body": "message text", "validity": 72, "tariff": 0}',
        Content_type="application/json; charset=utf-8",
        Accept="application/json ",
    )
    result = answer.json()["result"]
    assert answer.content == one(result["id"], "3f2a9c01")
    by_id = await customer.raw("GET", f"/rest/sms/{int(result['id'])}", Accept="application/json ")
    assert by_id.content == (
        b'{"error":0,"errorDescription":"No errors","id":"%s","msisdn":"380972920000","reference":"3f2a9c01",'
        b'"time_in":"2026-03-02 12:00:00","time_sent":"2026-03-02 12:00:00","time_dr":null,"status":"scheduled",'
        b'"price":0.02,"currency":"EUR"}' % result["id"].encode()
    )
    assert (await customer.raw("GET", "/rest/sms/reference/3f2a9c01")).content == by_id.content


async def test_the_node_client_calls_json_a_form_without_a_boundary(customer):
    answer = await customer.raw(
        "POST",
        "/rest/sms/create",
        b'{"destination":"phones","originator":"alpha_name","body":"message text","validity":"1","tariff":"0",'
        b'"phones":[{"msisdn":"380972920000","reference":"ext_id_16"},{"msisdn":"380972920001",'
        b'"reference":"ext_id_17"}]}',
        Content_type="multipart/form-data",
    )
    task_id, rows = answer.json()["task_id"], answer.json()["result"]
    row = (
        b'{"error":0,"errorDescription":"No errors","reference":"%s","id":"%s","price":0.02,"currency":"EUR"}'
    )
    assert answer.content == (
        b'{"error":0,"errorDescription":"No errors","task_id":"%s","result":[%s,%s],"total_price":0.04,'
        b'"totalprice":0.04,"currency":"EUR"}'
        % (
            task_id.encode(),
            row % (b"ext_id_16", rows[0]["id"].encode()),
            row % (b"ext_id_17", rows[1]["id"].encode()),
        )
    )
    task = await customer.raw("GET", f"/rest/sms/task_id/{task_id}", Content_type="multipart/form-data")
    assert task.content == (
        b'{"error":0,"errorDescription":"No errors","originator":"alpha_name","body":"message text","validity":1,'
        b'"totalprice":0.04,"currency":"EUR","sent":0,"delivered":0,"expired":0,"undeliverable":0,"unknown":0}'
    )


async def test_the_node_client_posts_an_array_of_one_too(customer):
    answer = await customer.raw(
        "POST",
        "/rest/sms/create",
        b'[{"destination":"phone","msisdn":"380972920000","reference":"ext_id_16","originator":"alpha_name",'
        b'"body":"message text"}]',
        Content_type="multipart/form-data",
    )
    assert answer.content == one(answer.json()["id"], "ext_id_16")


async def test_the_java_client_puts_numbers_as_strings_and_accepts_forms(customer):
    answer = await customer.raw(
        "PUT",
        "/rest/sms/create",
        b'{"destination":"phone","msisdn":"380972920000","reference":"j1","originator":"testsms","body":"text",'
        b'"tariff":"0","validity":"72"}',
        Content_Type="application/json",
        Accept="multipart/form-data",
    )
    assert answer.content == one(answer.json()["id"], "j1")


async def test_the_go_client_puts_empty_strings_and_nulls(customer):
    answer = await customer.raw(
        "PUT",
        "/rest/sms/create",
        b'{"destination":"individual","phones":[{"msisdn":"380972920000","reference":"g1","originator":"BSG",'
        b'"body":"one"},{"msisdn":"380972920001","reference":"g2","originator":"name","body":"two"}],'
        b'"validity":"","tariff":null,"callback_url":""}',
        Content_Type="multipart/form-data",
    )
    rows = answer.json()["result"]
    assert [(row["error"], row["reference"], row["price"]) for row in rows] == [
        (0, "g1", 0.02),
        (0, "g2", 0.02),
    ]
    task = await customer.raw(
        "GET", f"/rest/sms/task/{answer.json()['task_id']}", Content_Type="application/json"
    )
    assert (task.json()["originator"], task.json()["body"], task.json()["validity"]) == ("BSG", "one", 72)


async def test_the_php_client_puts_text_json_under_the_other_prefix(customer):
    answer = await customer.raw(
        "PUT",
        "/v1.0/sms/create",
        b'{"destination":"phones","phones":[{"msisdn":"380972920000","reference":"successPhones1"}],'
        b'"originator":"BSG","body":"\\u041f\\u0440\\u0438\\u0432\\u0456\\u0442","validity":72,"tariff":0}',
        Content_type="text/json; charset=utf-8",
        X_API_SOURCE="BSG PHP Library",
    )
    task_id, row = answer.json()["task_id"], answer.json()["result"]
    assert answer.content == (
        b'{"error":0,"errorDescription":"No errors","task_id":"%s","result":{"error":0,"errorDescription":'
        b'"No errors","reference":"successPhones1","id":"%s","price":0.02,"currency":"EUR"},"total_price":0.02,'
        b'"totalprice":0.02,"currency":"EUR"}' % (task_id.encode(), row["id"].encode())
    )
    task = await customer.raw("GET", f"/v1.0/sms/task/{task_id}")
    assert (task.json()["body"], task.json()["totalprice"]) == ("Привіт", 0.02)
    assert (await customer.raw("GET", f"/v1.0/sms/{row['id']}")).json()["reference"] == "successPhones1"


async def test_the_perl_client_posts_json_and_asks_by_type(customer):
    body = (
        b'{"destination":"phone","msisdn":"380972920000","reference":"p_1","originator":"BSG","body":"text"}'
    )
    answer = await customer.raw("POST", "/rest/sms/create", body, Content_Type="application/json")
    assert answer.content == one(answer.json()["id"], "p_1")
    assert (await customer.get("sms/reference/p_1"))["id"] == answer.json()["id"]


async def test_the_generated_sdk_puts_every_member_it_knows(customer, world):
    answer = await customer.raw(
        "PUT",
        "/rest/sms/create",
        b'{"destination":"phones","originator":"BSG RESTAPI","body":"text","reference":"spring-sale",'
        b'"phones":[{"msisdn":"380972920000","reference":"s-1"},{"msisdn":"380972920001"}],"validity":24,'
        b'"tariff":0,"2way":false,"callback_url":"https://shop.example/dlr","transliterate":false,'
        b'"data_coding_ucs2":true,"scheduledDatetime":"2026-03-02T14:30:00Z"}',
        Content_Type="application/json",
        Accept="application/json",
    )
    rows = answer.json()["result"]
    assert rows[0]["reference"] == "s-1" and rows[1]["reference"]
    status = await customer.get(f"sms/reference/{rows[1]['reference']}")
    assert (status["id"], status["status"]) == (rows[1]["id"], "scheduled")
    assert (status["time_in"], status["time_sent"]) == ("2026-03-02 12:00:00", "2026-03-02 14:30:00")
    message = await world.message(int(rows[0]["id"]))
    assert message.extras.callback_url == "https://shop.example/dlr"
    assert message.validity_s == 24 * 3600


async def test_the_white_label_clients_add_slashes_and_members(customer):
    body = b'{"destination":"phone","msisdn":380972920000,"originator":"BSG","body":"text","project_id":5}'
    for path in ("/v1.0/sms/create/", "/rest//sms/create"):
        answer = await customer.raw("POST", path, body, Content_type="text/json; charset=utf-8")
        assert answer.content == one(answer.json()["id"], answer.json()["reference"])


async def test_a_form_with_a_boundary_is_understood(customer):
    fields = {name: str(value) for name, value in phone(reference="f1", validity=1).items()}
    body = b"".join(
        b'--0a1b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name.encode(), value.encode())
        for name, value in fields.items()
    )
    answer = await customer.raw(
        "POST", "/rest/sms/create", body + b"--0a1b--\r\n", Content_Type="multipart/form-data; boundary=0a1b"
    )
    assert answer.content == one(answer.json()["id"], "f1")


async def test_a_url_encoded_form_is_understood(customer):
    body = b"destination=phone&msisdn=%2B380972920000&originator=BSG&body=Hi+there&reference=u1&validity="
    answer = await customer.raw(
        "POST", "/rest/sms/create", body, Content_Type="application/x-www-form-urlencoded"
    )
    assert answer.content == one(answer.json()["id"], "u1")
    assert (await customer.get("sms/u1"))["msisdn"] == str(FIRST)


async def test_the_balance_is_three_strings_under_all_its_names(customer):
    await customer.phone()
    for path in ("common/balance", "common/getbalance", "sms/balance", "hlr/balance", "viber/balance"):
        for verb in ("GET", "POST"):
            answer = await customer.raw(verb, f"/v1.0/{path}")
            assert answer.content == (
                b'{"error":0,"errorDescription":"No errors","amount":"999.98","currency":"EUR","limit":"0"}'
            )


async def test_prices_are_exact_plain_decimals(world):
    dear = await world.account("dear", balance="100000", price="0.0000001", credit_limit=70_000_000)
    customer = Customer(world, dear.key)
    answer = await customer.raw(
        "POST",
        "/rest/sms/create",
        b'{"destination":"phone","msisdn":"380972920000","originator":"BSG","body":"Hi","reference":"r"}',
    )
    assert answer.content == one(answer.json()["id"], "r", price=b"0.0000001")
    assert (await customer.get("common/balance"))["amount"] == "99999.9999999"
    assert (await customer.get("common/balance"))["limit"] == "7"
