-- What stands beside an account's balance is checked as types are, when it is set: checks of the table were compiled and
-- tried each time that the balance moved, which was a fourteenth of PostgreSQL's part in taking a single order.

create domain plain_name as text check (value ~ '^[A-Za-z0-9._-]{1,64}$');
create domain currency_code as text check (value ~ '^[A-Z]{3}$');
create domain credit_line as bigint check (value >= 0);
create domain charging_plan as text check (value in ('accepted', 'delivered_only'));
create domain callback_address as text check (length(value) between 10 and 2048);

alter table account
    drop constraint account_name_check,
    drop constraint account_currency_check,
    drop constraint account_credit_limit_check,
    drop constraint account_plan_check,
    drop constraint account_callback_url_check,
    alter column name type plain_name,
    alter column currency type currency_code,
    alter column credit_limit type credit_line,
    alter column plan type charging_plan,
    alter column callback_url type callback_address;

-- Ends a statement, and with it all that it did. Whoever asked is told by the code.
create function give_up(code text) returns boolean language plpgsql as $$
begin
    raise exception 'not as it was believed to be' using errcode = code;
end $$;
drop function insist(boolean, text);
