#include "crc.h"

static const uint32_t polynomial = 0xEDB88320u; /* bits reversed */

uint32_t crc32_extend(uint32_t crc, const unsigned char *bytes, size_t size)
{
	crc = ~crc;
	for (size_t i = 0; i < size; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (polynomial & (0u - (crc & 1u)));
	}
	return ~crc;
}
