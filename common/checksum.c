/*
 * checksum.c
 *		The checksum of a text: SHA-256 in hex (C1, FIPS 180-4).
 *
 * A leading byte order mark is dropped and CRLF is taken as LF, so that a
 * checkout on another system has the same checksum.
 */
#include "dbmig_core.h"

#include <string.h>

#include "internal.h"

typedef struct sha256
{
	uint32_t	state[8];
	uint64_t	total;			/* bytes */
	unsigned char block[64];
} sha256;

static const uint32_t K[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
	0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
	0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
	0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
	0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
	0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
	0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
	0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
};

#define ROTATE(x, n) (((x) >> (n)) | ((x) << (32 - (n))))

/* What a round takes of its block: bytes of it, then a mix of the last 16. */
#define WORD(i) \
	(w[i] = (uint32_t) block[4 * (i)] << 24 | (uint32_t) block[4 * (i) + 1] << 16 | \
	 (uint32_t) block[4 * (i) + 2] << 8 | block[4 * (i) + 3])
#define MIXED(i) \
	(w[i] += w[((i) + 9) % 16] + \
	 (ROTATE(w[((i) + 1) % 16], 7) ^ ROTATE(w[((i) + 1) % 16], 18) ^ w[((i) + 1) % 16] >> 3) + \
	 (ROTATE(w[((i) + 14) % 16], 17) ^ ROTATE(w[((i) + 14) % 16], 19) ^ w[((i) + 14) % 16] >> 10))

/* The eight words of the state change places by their names: no one is moved. */
#define ROUND(a, b, c, d, e, f, g, h, word, i) \
	do { \
		h += (ROTATE(e, 6) ^ ROTATE(e, 11) ^ ROTATE(e, 25)) + \
			(g ^ (e & (f ^ g))) + K[i] + (word); \
		d += h; \
		h += (ROTATE(a, 2) ^ ROTATE(a, 13) ^ ROTATE(a, 22)) + \
			((a & b) | (c & (a | b))); \
	} while (0)
#define EIGHT(next, from, k) \
	do { \
		ROUND(a, b, c, d, e, f, g, h, next(from), k); \
		ROUND(h, a, b, c, d, e, f, g, next((from) + 1), (k) + 1); \
		ROUND(g, h, a, b, c, d, e, f, next((from) + 2), (k) + 2); \
		ROUND(f, g, h, a, b, c, d, e, next((from) + 3), (k) + 3); \
		ROUND(e, f, g, h, a, b, c, d, next((from) + 4), (k) + 4); \
		ROUND(d, e, f, g, h, a, b, c, next((from) + 5), (k) + 5); \
		ROUND(c, d, e, f, g, h, a, b, next((from) + 6), (k) + 6); \
		ROUND(b, c, d, e, f, g, h, a, next((from) + 7), (k) + 7); \
	} while (0)

static void
mix(sha256 *s, const unsigned char *block)
{
	uint32_t	w[16];
	uint32_t	a = s->state[0];
	uint32_t	b = s->state[1];
	uint32_t	c = s->state[2];
	uint32_t	d = s->state[3];
	uint32_t	e = s->state[4];
	uint32_t	f = s->state[5];
	uint32_t	g = s->state[6];
	uint32_t	h = s->state[7];
	int			i;

	EIGHT(WORD, 0, 0);
	EIGHT(WORD, 8, 8);
	for (i = 16; i < 64; i += 16)
	{
		EIGHT(MIXED, 0, i);
		EIGHT(MIXED, 8, i + 8);
	}
	s->state[0] += a;
	s->state[1] += b;
	s->state[2] += c;
	s->state[3] += d;
	s->state[4] += e;
	s->state[5] += f;
	s->state[6] += g;
	s->state[7] += h;
}

static void
add(sha256 *s, const char *bytes, size_t length)
{
	while (length > 0)
	{
		size_t		used = s->total % 64;
		size_t		piece = length < 64 - used ? length : 64 - used;

		if (piece == 64)
			mix(s, (const unsigned char *) bytes);
		else
		{
			memcpy(s->block + used, bytes, piece);
			if (used + piece == 64)
				mix(s, s->block);
		}
		s->total += piece;
		bytes += piece;
		length -= piece;
	}
}

static const char digits[] = "0123456789abcdef";

void
dbmig_checksum_unpack(const unsigned char *bytes, char *hex)
{
	int			i;

	for (i = 0; i < 32; i++)
	{
		hex[2 * i] = digits[bytes[i] >> 4];
		hex[2 * i + 1] = digits[bytes[i] & 0xF];
	}
	hex[64] = '\0';
}

bool
dbmig_checksum_is(const unsigned char *bytes, const char *hex)
{
	int			i;

	for (i = 0; i < 32; i++)
		if (hex[2 * i] != digits[bytes[i] >> 4] ||
			hex[2 * i + 1] != digits[bytes[i] & 0xF])
			return false;
	return hex[64] == '\0';
}

bool
dbmig_checksum_pack(const char *hex, unsigned char *bytes)
{
	int			i;

	for (i = 0; i < 64; i++)
	{
		int			digit;

		if (hex[i] >= '0' && hex[i] <= '9')
			digit = hex[i] - '0';
		else if (hex[i] >= 'a' && hex[i] <= 'f')
			digit = hex[i] - 'a' + 10;
		else
			return false;
		bytes[i / 2] = (unsigned char) (i % 2 == 0 ? digit << 4 : bytes[i / 2] | digit);
	}
	return hex[64] == '\0';
}

static void
finish(sha256 *s, char *hex)
{
	unsigned char bytes[32];
	static const char zeros[64] = "\x80";
	uint64_t	bits = s->total * 8;
	char		length[8];
	int			i;

	add(s, zeros, 64 - (s->total + 8) % 64);
	for (i = 0; i < 8; i++)
		length[i] = (char) (bits >> (56 - 8 * i) & 0xFF);
	add(s, length, 8);
	for (i = 0; i < 32; i++)
		bytes[i] = (unsigned char) (s->state[i / 4] >> (24 - i % 4 * 8));
	dbmig_checksum_unpack(bytes, hex);
}

void
dbmig_checksum(const char *text, size_t length, char *hex)
{
	sha256		s = {
		{
			0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
			0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19
		}, 0, {0}
	};
	const char *end = text + length;

	if (length >= 3 && memcmp(text, DBMIG_BOM, 3) == 0)
		text += 3;
	while (text < end)
	{
		const char *at = text;

		while ((at = memchr(at, '\r', (size_t) (end - at))) != NULL &&
			   !(at + 1 < end && at[1] == '\n'))
			at++;
		add(&s, text, (size_t) ((at != NULL ? at : end) - text));
		text = at != NULL ? at + 1 : end;
	}
	finish(&s, hex);
}
