#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "crc.h"

static int print_crc(FILE *file, const char *name)
{
	unsigned char buffer[65536];
	uint32_t crc = 0;
	size_t size;

	while ((size = fread(buffer, 1, sizeof buffer, file)) > 0)
		crc = crc32_extend(crc, buffer, size);
	if (ferror(file)) {
		fprintf(stderr, "crc: %s: %s\n", name, strerror(errno));
		return 1;
	}
	printf("%08" PRIx32 "  %s\n", crc, name);
	return 0;
}

int main(int argc, char **argv)
{
	int failed = 0;

	if (argc == 1)
		failed = print_crc(stdin, "-");
	for (int i = 1; i < argc; i++) {
		FILE *file = fopen(argv[i], "rb");

		if (file == NULL) {
			fprintf(stderr, "crc: %s: %s\n", argv[i], strerror(errno));
			failed = 1;
			continue;
		}
		failed |= print_crc(file, argv[i]);
		fclose(file);
	}
	if (fflush(stdout) != 0) {
		fprintf(stderr, "crc: standard output: %s\n", strerror(errno));
		failed = 1;
	}
	return failed;
}
