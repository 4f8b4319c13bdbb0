DROP TABLE sr_note;
