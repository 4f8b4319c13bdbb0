INSERT INTO fw_item VALUES (1, '${greeting} ${who}');
