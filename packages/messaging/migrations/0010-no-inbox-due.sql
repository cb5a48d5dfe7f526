-- Looks go by inbox_order and inbox_delayed since 0007; each row that comes and goes paid for this one too.
drop index inbox_due;
