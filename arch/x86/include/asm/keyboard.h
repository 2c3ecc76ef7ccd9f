/* SPDX-License-Identifier: MIT */
/* The PS/2 keyboard, for a console whose output is the screen. */
#ifndef ASM_KEYBOARD_H
#define ASM_KEYBOARD_H

#include <types.h>

/*
 * Boot: is there a keyboard controller? If so, it is set up to deliver scan codes of set 1.
 * @return false: none answers.
 */
bool keyboard_init(void);
/*
 * Boot: from now on keys arrive by interrupt. @return false: it has none, keyboard_poll() is due.
 */
bool keyboard_init_irq(void);
/* Takes what the controller holds: the characters go to console_input(). Any context. */
void keyboard_poll(void);

#endif
