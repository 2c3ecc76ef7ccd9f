/* SPDX-License-Identifier: MIT */
/* The PS/2 keyboard, for a console whose output is the screen. */
#ifndef ASM_KEYBOARD_H
#define ASM_KEYBOARD_H

#include <types.h>

/*
 * Boot: looks for a keyboard controller, and sets it up to deliver scan codes of set 1.
 * @return false: none answers
 */
bool keyboard_init(void);
/*
 * Boot: from now on keys arrive by interrupt.
 * @return false: the keyboard has none, and keyboard_poll() has to be called
 */
bool keyboard_init_irq(void);
/*
 * Takes the keys that the controller holds and passes their characters to console_input(). Any
 * context.
 */
void keyboard_poll(void);

#endif
