-- no-transaction
CREATE INDEX sr_note_id ON sr_note (id);
