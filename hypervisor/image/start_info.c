/* SPDX-License-Identifier: MIT */
/* What a kernel finds in its first page and its first registers: see image/start_of_day.h. */
#include <image/start_of_day.h>

#include "bytes.h"

#define PAGE_BITS   12
#define RFLAGS_IF   (1ul << 9)
#define DR6_DEFAULT 0xffff0ff0ul
#define DR7_DEFAULT 0x400ul

void start_of_day_info(const struct start_of_day *s, struct start_info *si, uint64_t nr_pages,
                       uint64_t shared_info, const char *cmdline)
{
    bool own_p2m = s->tables.regions == 2;

    text_copy(si->magic, sizeof(si->magic), "xen-3.0-x86_64", sizeof(si->magic));
    si->nr_pages = nr_pages;
    si->shared_info = shared_info;
    si->pt_base = start_of_day_address(s, s->root);
    si->nr_pt_frames = s->table_pages;
    si->mfn_list = own_p2m ? s->image.init_p2m : start_of_day_address(s, s->p2m);
    if (own_p2m) {
        si->first_p2m_pfn = s->p2m;
        si->nr_p2m_frames = s->end - s->p2m;
    }
    if (s->ramdisk_bytes) {
        si->mod_len = s->ramdisk_bytes;
        si->mod_start = start_of_day_address(s, s->ramdisk);
        if (s->image.unmapped_ramdisk) {
            si->mod_start = s->ramdisk;
            si->flags |= SIF_MOD_START_PFN;
        }
    }
    text_copy((char *)si->cmd_line, sizeof(si->cmd_line), cmdline, sizeof(si->cmd_line));
}

void start_of_day_context(const struct start_of_day *s, struct vcpu_guest_context *c,
                          uint64_t root_mfn)
{
    __builtin_memset(c, 0, sizeof(*c));
    c->flags = VGCF_in_kernel | VGCF_online;
    c->user_regs.rip = s->image.entry;
    c->user_regs.rsp = start_of_day_address(s, s->stack + 1);
    c->user_regs.rsi = start_of_day_address(s, s->start_info);
    c->user_regs.rflags = RFLAGS_IF;
    c->user_regs.cs = FLAT_KERNEL_CS;
    c->user_regs.ss = FLAT_KERNEL_SS;
    c->user_regs.ds = c->user_regs.es = FLAT_KERNEL_DS;
    c->user_regs.fs = c->user_regs.gs = FLAT_KERNEL_DS;
    c->kernel_ss = c->user_regs.ss;
    c->kernel_sp = c->user_regs.rsp;
    c->ctrlreg[3] = root_mfn << PAGE_BITS;
    c->debugreg[6] = DR6_DEFAULT;
    c->debugreg[7] = DR7_DEFAULT;
}
