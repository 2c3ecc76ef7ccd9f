/* SPDX-License-Identifier: MIT */
/*
 * Included before everything else (mk/flags.mk): every symbol, declared or defined, is in this
 * image. So the compiler takes addresses directly instead of through a global offset table.
 */
#pragma GCC visibility push(hidden)
