/*
 * node.c
 *		A dqlite node with dbmig in it, as a program that embeds dqlite has it.
 *
 * It ends with its standard input, or by a signal.
 *
 * usage: node ID ADDRESS FOLDER
 */
#include <dqlite.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

extern int	sqlite3_dbmig_init(sqlite3 *db, char **error,
							   const sqlite3_api_routines *api);

int
main(int argc, char **argv)
{
	dqlite_node *node;
	char		byte;

	if (argc != 4)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	sqlite3_auto_extension((void (*) (void)) sqlite3_dbmig_init);
	if (dqlite_node_create((dqlite_node_id) atoi(argv[1]), argv[2], argv[3], &node) != 0 ||
		dqlite_node_set_bind_address(node, argv[2]) != 0 ||
		dqlite_node_set_network_latency_ms(node, 10) != 0 ||
		dqlite_node_start(node) != 0)
	{
		fprintf(stderr, "node %s: %s\n", argv[1], dqlite_node_errmsg(node));
		return 1;
	}
	while (read(0, &byte, 1) > 0)
		;
	dqlite_node_stop(node);
	dqlite_node_destroy(node);
	return 0;
}
