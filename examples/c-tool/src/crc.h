#ifndef CRC_H
#define CRC_H

#include <stddef.h>
#include <stdint.h>

/* Extend a CRC-32 (ITU-T V.42, as in gzip and zip) by size bytes; start with 0. */
uint32_t crc32_extend(uint32_t crc, const unsigned char *bytes, size_t size);

#endif
