INSERT INTO fw_item VALUES (3, '${untouched}');
