DELETE FROM fw_item;
