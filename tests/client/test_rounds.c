/*
 * test_rounds.c
 *		How many round trips dbmig_start() takes with nothing to do, counted by
 *		somebody in between: ReadyForQuery comes once for the connection and once
 *		for each question.
 *
 * usage: test_rounds PG-URL-PREFIX HOST PORT NAME
 *
 * HOST is the server's folder of sockets; HOST/NAME is made for ours.
 */
#include "check.h"

#include <pthread.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_un server;
static int	ready;				/* ReadyForQuery messages, of all connections */
static int	connections;
static pthread_mutex_t count_lock = PTHREAD_MUTEX_INITIALIZER;

typedef struct pipe_ends
{
	int			from;
	int			to;
	bool		counts;
} pipe_ends;

/* What the server sends is a type, a length with itself, and the rest. */
typedef struct reader
{
	unsigned char head[5];
	int			have;
	uint32_t	left;
} reader;

static void
count_messages(reader *r, const unsigned char *bytes, ssize_t length)
{
	ssize_t		i;

	for (i = 0; i < length; i++)
	{
		if (r->left > 0)
		{
			uint32_t	skip = (uint32_t) (length - i) < r->left ? (uint32_t) (length - i) : r->left;

			r->left -= skip;
			i += skip - 1;
			continue;
		}
		r->head[r->have++] = bytes[i];
		if (r->have < 5)
			continue;
		r->have = 0;
		r->left = ((uint32_t) r->head[1] << 24 | (uint32_t) r->head[2] << 16 |
				   (uint32_t) r->head[3] << 8 | r->head[4]) - 4;
		if (r->head[0] == 'Z')
		{
			pthread_mutex_lock(&count_lock);
			ready++;
			pthread_mutex_unlock(&count_lock);
		}
	}
}

static void *
carry(void *arg)
{
	pipe_ends  *ends = arg;
	unsigned char bytes[8192];
	reader		r;
	ssize_t		length;

	memset(&r, 0, sizeof(r));
	while ((length = read(ends->from, bytes, sizeof(bytes))) > 0)
	{
		ssize_t		sent = 0;

		if (ends->counts)
			count_messages(&r, bytes, length);
		while (sent < length)
		{
			ssize_t		more = write(ends->to, bytes + sent, (size_t) (length - sent));

			if (more <= 0)
				break;
			sent += more;
		}
	}
	shutdown(ends->to, SHUT_WR);
	free(ends);
	return NULL;
}

static void
carry_both(int client, int other)
{
	pipe_ends  *out = malloc(sizeof(*out));
	pipe_ends  *back = malloc(sizeof(*back));
	pthread_t	thread;

	out->from = back->to = client;
	out->to = back->from = other;
	out->counts = false;
	back->counts = true;
	pthread_create(&thread, NULL, carry, out);
	pthread_detach(thread);
	pthread_create(&thread, NULL, carry, back);
	pthread_detach(thread);
}

static void *
serve(void *arg)
{
	int			fd = *(int *) arg;
	int			client;

	while ((client = accept(fd, NULL, NULL)) >= 0)
	{
		int			other = socket(AF_UNIX, SOCK_STREAM, 0);

		pthread_mutex_lock(&count_lock);
		connections++;
		pthread_mutex_unlock(&count_lock);
		if (connect(other, (struct sockaddr *) &server, sizeof(server)) != 0)
			break;
		carry_both(client, other);
	}
	return NULL;
}

static const char *direct;
static char watched[600];

static const dbmig_script scripts[] = {
	{.version = "1",.name = "t",.up = "CREATE TABLE t (a integer)",.down = "DROP TABLE t"},
	{.version = "2",.up = "CREATE INDEX t_a ON t (a)"}
};
static const dbmig_scripts packages[] = {{"a", scripts, 2, NULL}};

/* Round trips of dbmig_start() on a connection of its own. */
static int
rounds_of(const char *url, const dbmig_options *options)
{
	dbmig_options own = *options;
	dbmig	   *db;
	int			before;
	int			rounds;

	own.packages = packages;
	own.package_count = 1;
	OK(dbmig_open(url, &own, &db));
	pthread_mutex_lock(&count_lock);
	before = ready;
	connections = 0;
	pthread_mutex_unlock(&count_lock);
	OK(dbmig_start(db));
	pthread_mutex_lock(&count_lock);
	rounds = ready - before - connections;
	CHECK(url == direct || connections == 1);
	pthread_mutex_unlock(&count_lock);
	OK(dbmig_close(db));
	return rounds;
}

static void
nothing_to_do_is_one_round_trip(void)
{
	dbmig_options options = DBMIG_OPTIONS;
	int			i;

	/* another has applied them: the first time of this one, too */
	(void) rounds_of(direct, &options);
	for (i = 0; i < 3; i++)
		CHECK(rounds_of(watched, &options) == 1);
	options.check_only = true;
	CHECK(rounds_of(watched, &options) == 1);
	options.check_only = false;
	options.refuse_newer = true;
	CHECK(rounds_of(watched, &options) == 1);
	options.refuse_newer = false;
	options.migrations_url = watched;
	CHECK(rounds_of(watched, &options) == 1);
}

int
main(int argc, char **argv)
{
	struct sockaddr_un address;
	char		folder[100];
	char		target[600];
	pthread_t	thread;
	int			fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (argc != 5)
		return 2;
	server.sun_family = AF_UNIX;
	snprintf(server.sun_path, sizeof(server.sun_path), "%s/.s.PGSQL.%s", argv[2], argv[3]);
	snprintf(folder, sizeof(folder), "%s/%s", argv[2], argv[4]);
	mkdir(folder, 0700);
	memset(&address, 0, sizeof(address));
	address.sun_family = AF_UNIX;
	snprintf(address.sun_path, sizeof(address.sun_path), "%.70s/.s.PGSQL.%s", folder, argv[3]);
	if (bind(fd, (struct sockaddr *) &address, sizeof(address)) != 0 || listen(fd, 8) != 0)
		return 2;
	pthread_create(&thread, NULL, serve, &fd);
	snprintf(target, sizeof(target), "%s?host=%s&port=%s", argv[1], argv[2], argv[3]);
	direct = target;
	snprintf(watched, sizeof(watched), "%s?host=%s&port=%s", argv[1], folder, argv[3]);
	suffix = "pg start ";
	TEST(nothing_to_do_is_one_round_trip);
	return failures != 0;
}
