/* SPDX-License-Identifier: MIT */
/*
 * Loading a domain's kernel: the file is unpacked as a stream into the domain, and never held
 * unpacked. hypervisor/image defines what an image is, and checks it.
 */
#ifndef TOOLS_KERNEL_IMAGE_H
#define TOOLS_KERNEL_IMAGE_H

#include <stdbool.h>

#include <image/bzimage.h>
#include <image/kernel_image.h>

#include <tools/error.h>

/*
 * Loads @size bytes at @file, which may be packed, into @target and describes the kernel in @image.
 * Gives up soon after *@cancelled has become true. May wait.
 *
 * @return 0; or -1 with the reason in @e (unless the target gave one).
 */
int kernel_image_load(const void *file, size_t size, const struct image_target *target,
                      const bool *cancelled, struct kernel_image *image, struct error *e);

/* Makes a report that writes its sentences to @e. */
struct image_report image_report_to(struct error *e);

#endif
