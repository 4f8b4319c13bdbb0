DROP INDEX sr_note_id;
