"""What `tidings dev` prints: where everything is, and lines that work when pasted into a shell."""

from pathlib import Path
from string import Template

from tidings.app.dev_facts import DevFacts

RECIPIENT = "380501234567"

GUIDE = Template("""
Tidings is running.

  HTTP             $http
  Console          $console   (login below)
  Simulated SMSC   $smsc
  Database         $database
  These facts      $facts_file

  Live key         $live_key
  Test key         $test_key   (same code, only the simulator, not billed)
  User, password   $basic_user  $basic_password

BSG REST v1: send, then ask
  REF=hello-$$(date +%s)
  curl -sS $http/rest/sms/create -H 'X-API-KEY: $live_key' -H 'Content-Type: application/json' \\
    -d '{"destination":"phone","msisdn":"$recipient","reference":"'$$REF'","originator":"Tidings","body":"Hello"}'
  echo; sleep 1
  curl -sS $http/rest/sms/reference/$$REF -H 'X-API-KEY: $live_key'; echo

Infobip: send, then fetch the delivery reports (each is handed out once); by key, by password
  curl -sS $http/sms/2/text/advanced -H 'Authorization: App $live_key' -H 'Content-Type: application/json' \\
    -d '{"messages":[{"from":"Tidings","destinations":[{"to":"$recipient"}],"text":"Hello"}]}'; echo; sleep 1
  curl -sS "$http/sms/1/reports?limit=3" -H 'Authorization: App $live_key'; echo
  curl -sS "$http/sms/1/reports?limit=3" -u '$basic_user:$basic_password'; echo

BSG One API: log in, then list the newest messages
  TOKEN=$$(curl -sS $http/api/auth/login -H 'Content-Type: application/json' -d '{"api_key":"$live_key"}' \\
    | sed 's/.*"bearer":"\\([^"]*\\)".*/\\1/')
  curl -sS "$http/api/messages?sort=id&way=desc&limit=15" -H "Authorization: Bearer $$TOKEN"; echo

Numbers that end in 9902 to 9909 fare worse: tidings dev --help. Ctrl-C stops everything; the data stay.
""")


def guide(facts: DevFacts, *, facts_file: Path, data_dir: Path | None) -> str:
    """The text; `data_dir` is where the embedded PostgreSQL keeps its data, None if the database is the user's."""
    return GUIDE.substitute(
        http=facts.http,
        console=facts.console,
        smsc=facts.smsc,
        database=f"embedded PostgreSQL, data in {data_dir}" if data_dir else "yours (database.url)",
        facts_file=facts_file.absolute(),
        live_key=facts.live_key,
        test_key=facts.test_key,
        basic_user=facts.basic_user,
        basic_password=facts.basic_password,
        recipient=RECIPIENT,
    )
