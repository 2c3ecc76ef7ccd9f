/* SPDX-License-Identifier: MIT */
/* The Xen notes of a kernel whose file has been seen once. Private to hypervisor/image. */
#ifndef IMAGE_NOTES_H
#define IMAGE_NOTES_H

#include <image/kernel_image.h>

/*
 * Fills in reader->image from the notes that the stream has kept, and checks both against the
 * segments.
 *
 * @return 1: described; 0: no notes were found; -1: refused through the report.
 */
int notes_read(struct kernel_reader *reader);

#endif
