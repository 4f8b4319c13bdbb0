-- no-transaction
CREATE INDEX sx_note_id ON sx_note (id);
