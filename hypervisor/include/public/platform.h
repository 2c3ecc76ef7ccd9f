/* SPDX-License-Identifier: MIT */
/*
 * What dom0 does to the machine, or wants to know from its firmware, as the operating system that
 * drives the hardware: wall clock, power states, CPUs, microcode.
 *
 * long platform_op(struct xen_platform_op *). A call with another interface_version fails with
 * -EACCES.
 */
#ifndef XEN_PUBLIC_PLATFORM_H
#define XEN_PUBLIC_PLATFORM_H

#include "xen.h"

#define XENPF_INTERFACE_VERSION 0x03000001

/* ---- Wall clock ----------------------------------------------------------------------------- */

/* Set the wall clock: what it showed (since 1970, UTC) when system time was system_time. */
#define XENPF_settime32 17
struct xenpf_settime32 {
    uint32_t secs;
    uint32_t nsecs;
    uint64_t system_time; /* ns */
};
typedef struct xenpf_settime32 xenpf_settime32_t;

#define XENPF_settime64 62
struct xenpf_settime64 {
    uint64_t secs;
    uint32_t nsecs;
    uint32_t mbz; /* must be 0 */
    uint64_t system_time;
};
typedef struct xenpf_settime64 xenpf_settime64_t;

#define XENPF_settime XENPF_settime64
#define xenpf_settime xenpf_settime64
typedef struct xenpf_settime xenpf_settime_t;
DEFINE_XEN_GUEST_HANDLE(xenpf_settime_t);

/* ---- Memory types (MTRRs) ------------------------------------------------------------------- */

#define XENPF_add_memtype 31 /* request a type for a range */
struct xenpf_add_memtype {
    xen_pfn_t mfn;
    uint64_t nr_mfns;
    uint32_t type;   /* as in an MTRR */
    uint32_t handle; /* out: for del_memtype */
    uint32_t reg;    /* out: which register */
};
typedef struct xenpf_add_memtype xenpf_add_memtype_t;
DEFINE_XEN_GUEST_HANDLE(xenpf_add_memtype_t);

#define XENPF_del_memtype 32 /* give a request back */
struct xenpf_del_memtype {
    uint32_t handle; /* 0: the one who knows only the register */
    uint32_t reg;
};
typedef struct xenpf_del_memtype xenpf_del_memtype_t;
DEFINE_XEN_GUEST_HANDLE(xenpf_del_memtype_t);

#define XENPF_read_memtype 33 /* what a register holds */
struct xenpf_read_memtype {
    uint32_t reg;
    xen_pfn_t mfn;    /* out */
    uint64_t nr_mfns; /* out; 0: not in use */
    uint32_t type;    /* out */
};
typedef struct xenpf_read_memtype xenpf_read_memtype_t;
DEFINE_XEN_GUEST_HANDLE(xenpf_read_memtype_t);

/* ---- Microcode and quirks ------------------------------------------------------------------- */

#define XENPF_microcode_update 35
struct xenpf_microcode_update {
    XEN_GUEST_HANDLE(const_void) data;
    uint32_t length; /* bytes */
};
typedef struct xenpf_microcode_update xenpf_microcode_update_t;
DEFINE_XEN_GUEST_HANDLE(xenpf_microcode_update_t);

#define XENPF_platform_quirk     39
#define QUIRK_NOIRQBALANCING     1 /* interrupts must stay where they are */
#define QUIRK_IOAPIC_BAD_REGSEL  2 /* the IO-APIC forgets which register was selected */
#define QUIRK_IOAPIC_GOOD_REGSEL 3 /* it does not */
struct xenpf_platform_quirk {
    uint32_t quirk_id; /* QUIRK_* */
};
typedef struct xenpf_platform_quirk xenpf_platform_quirk_t;
DEFINE_XEN_GUEST_HANDLE(xenpf_platform_quirk_t);

/* ---- Firmware ------------------------------------------------------------------------------- */

/*
 * Calls a runtime service of UEFI (its specification, chapter 8). -ENOSYS: the machine was not
 * started by UEFI, or no such function; -EOPNOTSUPP: the firmware does not have it; -EINVAL: wrong
 * bits in `misc`. When the call returns 0, `status` is the service's own answer.
 */
#define XENPF_efi_runtime_call 49
/* xenpf_efi_runtime_call.function */
#define XEN_EFI_get_time                      1
#define XEN_EFI_set_time                      2
#define XEN_EFI_get_wakeup_time               3
#define XEN_EFI_set_wakeup_time               4
#define XEN_EFI_get_next_high_monotonic_count 5 /* the count goes to `misc` */
#define XEN_EFI_get_variable                  6 /* its attributes go to `misc` */
#define XEN_EFI_set_variable                  7 /* its attributes come from `misc` */
#define XEN_EFI_get_next_variable_name        8
#define XEN_EFI_query_variable_info           9
#define XEN_EFI_query_capsule_capabilities    10 /* always refused */
#define XEN_EFI_update_capsule                11 /* always refused */
/* xenpf_efi_runtime_call.misc, by function */
#define XEN_EFI_GET_TIME_SET_CLEARS_NS      0x00000001 /* out: set_time makes the fraction 0 */
#define XEN_EFI_GET_WAKEUP_TIME_ENABLED     0x00000001 /* out */
#define XEN_EFI_GET_WAKEUP_TIME_PENDING     0x00000002 /* out */
#define XEN_EFI_SET_WAKEUP_TIME_ENABLE      0x00000001 /* in: else the alarm is switched off */
#define XEN_EFI_SET_WAKEUP_TIME_ENABLE_ONLY 0x00000002 /* in: at the time that is set */
#define XEN_EFI_VARIABLE_NON_VOLATILE       0x00000001
#define XEN_EFI_VARIABLE_BOOTSERVICE_ACCESS 0x00000002
#define XEN_EFI_VARIABLE_RUNTIME_ACCESS     0x00000004
#define XEN_EFI_VARINFO_BOOT_SNAPSHOT       0x00000001 /* in: as it was during boot */

/* EFI_TIME and EFI_GUID */
struct xenpf_efi_time {
    uint16_t year;
    uint8_t month;
    uint8_t day;
    uint8_t hour;
    uint8_t min;
    uint8_t sec;
    uint32_t ns;
    int16_t tz; /* minutes from UTC; 2047: local time of no known zone */
    uint8_t daylight;
};
struct xenpf_efi_guid {
    uint32_t data1;
    uint16_t data2;
    uint16_t data3;
    uint8_t data4[8];
};

struct xenpf_efi_runtime_call {
    uint32_t function;  /* in: XEN_EFI_* */
    uint32_t misc;      /* in and out: XEN_EFI_* above */
    xen_ulong_t status; /* out: EFI_STATUS */
    union {
        struct {
            struct xenpf_efi_time time; /* out */
            uint32_t resolution;        /* out: Hz */
            uint32_t accuracy;          /* out: 10^-12 */
        } get_time;
        struct xenpf_efi_time set_time;        /* in */
        struct xenpf_efi_time get_wakeup_time; /* out */
        struct xenpf_efi_time set_wakeup_time; /* in */
        struct {
            XEN_GUEST_HANDLE(void) name; /* in: UCS-2, ends with 0 */
            xen_ulong_t size;            /* in: of data, bytes; get: out, what there is */
            XEN_GUEST_HANDLE(void) data; /* get: out; set: in */
            struct xenpf_efi_guid vendor_guid;
        } get_variable, set_variable;
        struct {
            xen_ulong_t size;            /* in and out: of name, bytes */
            XEN_GUEST_HANDLE(void) name; /* in: the one before ("": the first); out */
            struct xenpf_efi_guid vendor_guid;
        } get_next_variable_name;
        struct {
            uint32_t attr;              /* in: XEN_EFI_VARIABLE_* */
            uint64_t max_store_size;    /* out: bytes */
            uint64_t remain_store_size; /* out */
            uint64_t max_size;          /* out: of one variable */
        } query_variable_info;
        struct {
            XEN_GUEST_HANDLE(void) capsule_header_array;
            xen_ulong_t capsule_count;
            uint64_t max_capsule_size;
            uint32_t reset_type;
        } query_capsule_capabilities;
        struct {
            XEN_GUEST_HANDLE(void) capsule_header_array;
            xen_ulong_t capsule_count;
            uint64_t sg_list; /* machine address */
        } update_capsule;
    } u;
};
typedef struct xenpf_efi_runtime_call xenpf_efi_runtime_call_t;
DEFINE_XEN_GUEST_HANDLE(xenpf_efi_runtime_call_t);

#define XENPF_firmware_info 50
/* xenpf_firmware_info.type */
#define XEN_FW_DISK_INFO            1 /* BIOS disk number `index` */
#define XEN_FW_DISK_MBR_SIGNATURE   2 /* the signature of disk `index` */
#define XEN_FW_VBEDDC_INFO          3 /* the monitor's description */
#define XEN_FW_EFI_INFO             4 /* EFI tables; index is one of the next seven */
#define XEN_FW_EFI_VERSION          0
#define XEN_FW_EFI_CONFIG_TABLE     1
#define XEN_FW_EFI_VENDOR           2
#define XEN_FW_EFI_MEM_INFO         3
#define XEN_FW_EFI_RT_VERSION       4
#define XEN_FW_EFI_PCI_ROM          5
#define XEN_FW_EFI_APPLE_PROPERTIES 6
#define XEN_FW_KBD_SHIFT_FLAGS      5 /* the BIOS's keyboard flags */
struct xenpf_firmware_info {
    uint32_t type;  /* in: XEN_FW_* */
    uint32_t index; /* in: which of them; -ESRCH or -ENOENT behind the last */
    union {
        struct {
            uint8_t device;             /* out: BIOS number, 0x80 and up */
            uint8_t version;            /* out: of the extended disk services */
            uint16_t interface_support; /* out */
            uint16_t legacy_max_cylinder;
            uint8_t legacy_max_head;
            uint8_t legacy_sectors_per_track;
            XEN_GUEST_HANDLE(void) edd_params; /* its first word is its size in bytes */
        } disk_info;
        struct {
            uint8_t device;         /* out */
            uint32_t mbr_signature; /* out */
        } disk_mbr_signature;
        struct {
            uint8_t capabilities;         /* out */
            uint8_t edid_transfer_time;   /* out */
            XEN_GUEST_HANDLE(uint8) edid; /* out: 128 bytes */
        } vbeddc_info;
        union xenpf_efi_info {
            uint32_t version;
            struct {
                uint64_t addr; /* out: physical */
                uint32_t nent; /* out: entries */
            } cfg;
            struct {
                uint32_t revision;
                uint32_t bufsz; /* in: room for name, bytes */
                XEN_GUEST_HANDLE(void) name;
            } vendor;
            struct {
                uint64_t addr; /* in and out: a range within one of the map */
                uint64_t size;
                uint64_t attr; /* out */
                uint32_t type; /* out */
            } mem;
            struct {
                uint16_t segment; /* in: which function */
                uint8_t bus;
                uint8_t devfn;
                uint16_t vendor; /* in: or the first one of this kind */
                uint16_t devid;
                uint64_t address; /* out: physical */
                xen_ulong_t size; /* out: bytes */
            } pci_rom;
            struct {
                uint64_t address; /* out: physical */
                xen_ulong_t size; /* out: bytes */
            } apple_properties;
        } efi_info;
        uint8_t kbd_shift_flags; /* out */
    } u;
};
typedef struct xenpf_firmware_info xenpf_firmware_info_t;
DEFINE_XEN_GUEST_HANDLE(xenpf_firmware_info_t);

/* ---- Power ---------------------------------------------------------------------------------- */

#define XENPF_enter_acpi_sleep    51         /* write these values to the PM1 control registers */
#define XENPF_ACPI_SLEEP_EXTENDED 0x00000001 /* flags: to the sleep control register instead */
struct xenpf_enter_acpi_sleep {
    uint16_t val_a;       /* for PM1a */
    uint16_t val_b;       /* for PM1b */
    uint32_t sleep_state; /* 3 or 5 */
    uint32_t flags;
};
typedef struct xenpf_enter_acpi_sleep xenpf_enter_acpi_sleep_t;
DEFINE_XEN_GUEST_HANDLE(xenpf_enter_acpi_sleep_t);

#define XENPF_change_freq 52 /* dom0 has changed the frequency of a CPU */
struct xenpf_change_freq {
    uint32_t flags; /* must be 0 */
    uint32_t cpu;
    uint64_t freq; /* Hz */
};
typedef struct xenpf_change_freq xenpf_change_freq_t;
DEFINE_XEN_GUEST_HANDLE(xenpf_change_freq_t);

#define XENPF_getidletime 53 /* how long CPUs were idle */
struct xenpf_getidletime {
    XEN_GUEST_HANDLE(uint8) cpumap_bitmap; /* in: which; out: which of them are there */
    uint32_t cpumap_nr_cpus;               /* bits in it */
    XEN_GUEST_HANDLE(uint64) idletime;     /* out: ns, indexed by CPU */
    uint64_t now;                          /* out: system time, ns */
};
typedef struct xenpf_getidletime xenpf_getidletime_t;
DEFINE_XEN_GUEST_HANDLE(xenpf_getidletime_t);

/*
 * dom0 has read from ACPI what power states (C), frequencies (P) and throttling (T) a CPU has. The
 * fields are those of the ACPI objects of the same names.
 */
#define XENPF_set_processor_pminfo 54
#define XEN_PROCESSOR_PM_CX        1 /* in SIF_PM_MASK: the hypervisor wants C states */
#define XEN_PROCESSOR_PM_PX        2 /* frequencies */
#define XEN_PROCESSOR_PM_TX        4 /* throttling */
#define XEN_PM_CX                  0 /* xenpf_set_processor_pminfo.type: u.power */
#define XEN_PM_PX                  1 /* u.perf */
#define XEN_PM_TX                  2
#define XEN_PM_PDC                 3 /* u.pdc: which capabilities to report to ACPI */
#define XEN_PX_PCT                 1 /* xen_processor_performance.flags: what is filled in */
#define XEN_PX_PSS                 2
#define XEN_PX_PPC                 4
#define XEN_PX_PSD                 8

/* A generic register address of ACPI. */
struct xen_power_register {
    uint32_t space_id;
    uint32_t bit_width;
    uint32_t bit_offset;
    uint32_t access_size;
    uint64_t address;
};

/* _CSD: which CPUs share a C state. */
struct xen_processor_csd {
    uint32_t domain;
    uint32_t coord_type;
    uint32_t num;
};
typedef struct xen_processor_csd xen_processor_csd_t;
DEFINE_XEN_GUEST_HANDLE(xen_processor_csd_t);

/* _CST: one C state. */
struct xen_processor_cx {
    struct xen_power_register reg;
    uint8_t type;
    uint32_t latency; /* us */
    uint32_t power;   /* mW */
    uint32_t dpcnt;   /* elements of dp */
    XEN_GUEST_HANDLE(xen_processor_csd_t) dp;
};
typedef struct xen_processor_cx xen_processor_cx_t;
DEFINE_XEN_GUEST_HANDLE(xen_processor_cx_t);

struct xen_processor_flags {
    uint32_t bm_control : 1; /* bus mastering can be switched off */
    uint32_t bm_check : 1;   /* and must be looked at */
    uint32_t has_cst : 1;
    uint32_t power_setup_done : 1;
    uint32_t bm_rld_set : 1;
};

struct xen_processor_power {
    uint32_t count; /* elements of states */
    struct xen_processor_flags flags;
    XEN_GUEST_HANDLE(xen_processor_cx_t) states;
};

/* _PCT: a control or status register. */
struct xen_pct_register {
    uint8_t descriptor;
    uint16_t length;
    uint8_t space_id;
    uint8_t bit_width;
    uint8_t bit_offset;
    uint8_t reserved;
    uint64_t address;
};

/* _PSS: one frequency. */
struct xen_processor_px {
    uint64_t core_frequency;     /* MHz */
    uint64_t power;              /* mW */
    uint64_t transition_latency; /* us */
    uint64_t bus_master_latency; /* us */
    uint64_t control;            /* value that selects it */
    uint64_t status;             /* value that shows it */
};
typedef struct xen_processor_px xen_processor_px_t;
DEFINE_XEN_GUEST_HANDLE(xen_processor_px_t);

/* _PSD: which CPUs change frequency together. */
struct xen_psd_package {
    uint64_t num_entries;
    uint64_t revision;
    uint64_t domain;
    uint64_t coord_type;
    uint64_t num_processors;
};

#define XEN_CPUPERF_SHARED_TYPE_HW  1 /* hardware coordinates them */
#define XEN_CPUPERF_SHARED_TYPE_ALL 2 /* all must be set */
#define XEN_CPUPERF_SHARED_TYPE_ANY 3 /* setting one is enough */

struct xen_processor_performance {
    uint32_t flags;          /* XEN_PX_* */
    uint32_t platform_limit; /* _PPC: the fastest state that may be used */
    struct xen_pct_register control_register;
    struct xen_pct_register status_register;
    uint32_t state_count; /* elements of states */
    XEN_GUEST_HANDLE(xen_processor_px_t) states;
    struct xen_psd_package domain_info;
    uint32_t shared_type; /* XEN_CPUPERF_SHARED_TYPE_* */
};
typedef struct xen_processor_performance xen_processor_performance_t;
DEFINE_XEN_GUEST_HANDLE(xen_processor_performance_t);

struct xenpf_set_processor_pminfo {
    uint32_t id;   /* ACPI number of the CPU */
    uint32_t type; /* XEN_PM_* */
    union {
        struct xen_processor_power power;
        struct xen_processor_performance perf;
        XEN_GUEST_HANDLE(uint32) pdc;
    } u;
};
typedef struct xenpf_set_processor_pminfo xenpf_set_processor_pminfo_t;
DEFINE_XEN_GUEST_HANDLE(xenpf_set_processor_pminfo_t);

#define XENPF_core_parking   60 /* let the hypervisor keep some CPUs idle */
#define XEN_CORE_PARKING_SET 1
#define XEN_CORE_PARKING_GET 2
struct xenpf_core_parking {
    uint32_t type;      /* XEN_CORE_PARKING_* */
    uint32_t idle_nums; /* how many */
};
typedef struct xenpf_core_parking xenpf_core_parking_t;
DEFINE_XEN_GUEST_HANDLE(xenpf_core_parking_t);

/* ---- CPUs ----------------------------------------------------------------------------------- */

#define XENPF_get_cpu_version 48 /* what CPUID says of a CPU */
struct xenpf_pcpu_version {
    uint32_t xen_cpuid;   /* in: the hypervisor's number of the CPU */
    uint32_t max_present; /* out: the highest number there is */
    char vendor_id[12];
    uint32_t family;
    uint32_t model;
    uint32_t stepping;
};
typedef struct xenpf_pcpu_version xenpf_pcpu_version_t;
DEFINE_XEN_GUEST_HANDLE(xenpf_pcpu_version_t);

#define XENPF_get_cpuinfo      55
#define XEN_PCPU_FLAGS_ONLINE  1
#define XEN_PCPU_FLAGS_INVALID 2 /* there is no such CPU */
struct xenpf_pcpuinfo {
    uint32_t xen_cpuid;   /* in */
    uint32_t max_present; /* out */
    uint32_t flags;       /* out: XEN_PCPU_FLAGS_* */
    uint32_t apic_id;     /* out */
    uint32_t acpi_id;     /* out */
};
typedef struct xenpf_pcpuinfo xenpf_pcpuinfo_t;
DEFINE_XEN_GUEST_HANDLE(xenpf_pcpuinfo_t);

#define XENPF_cpu_online  56
#define XENPF_cpu_offline 57
struct xenpf_cpu_ol {
    uint32_t cpuid; /* the hypervisor's number */
};
typedef struct xenpf_cpu_ol xenpf_cpu_ol_t;
DEFINE_XEN_GUEST_HANDLE(xenpf_cpu_ol_t);

#define XENPF_cpu_hotadd 58 /* a CPU was plugged in */
struct xenpf_cpu_hotadd {
    uint32_t apic_id;
    uint32_t acpi_id;
    uint32_t pxm; /* its proximity domain */
};
typedef struct xenpf_cpu_hotadd xenpf_cpu_hotadd_t;

#define XENPF_mem_hotadd 59 /* memory was plugged in */
struct xenpf_mem_hotadd {
    uint64_t spfn; /* first frame */
    uint64_t epfn; /* the one behind the last */
    uint32_t pxm;
    uint32_t flags;
};
typedef struct xenpf_mem_hotadd xenpf_mem_hotadd_t;

#define XENPF_resource_op         61 /* read and write MSRs on some CPU, in one go */
#define XEN_RESOURCE_OP_MSR_READ  0
#define XEN_RESOURCE_OP_MSR_WRITE 1
struct xenpf_resource_entry {
    union {
        uint32_t cmd; /* in: XEN_RESOURCE_OP_* */
        int32_t ret;  /* out: 0 or a negated error */
    } u;
    uint32_t rsvd; /* must be 0 */
    uint64_t idx;  /* which MSR */
    uint64_t val;  /* in or out */
};
typedef struct xenpf_resource_entry xenpf_resource_entry_t;
DEFINE_XEN_GUEST_HANDLE(xenpf_resource_entry_t);

struct xenpf_resource_op {
    uint32_t nr_entries;
    uint32_t cpu;
    XEN_GUEST_HANDLE(xenpf_resource_entry_t) entries;
};
typedef struct xenpf_resource_op xenpf_resource_op_t;
DEFINE_XEN_GUEST_HANDLE(xenpf_resource_op_t);

/* ---- The hypervisor itself ------------------------------------------------------------------ */

#define XENPF_get_symbol 63 /* its symbols, one by one */
struct xenpf_symdata {
    uint32_t namelen; /* in: room for name; out: its length, the zero included */
    uint32_t symnum;  /* in: which; out: the next */
    XEN_GUEST_HANDLE(char) name;
    uint64_t address;
    char type; /* as nm prints it */
};
typedef struct xenpf_symdata xenpf_symdata_t;
DEFINE_XEN_GUEST_HANDLE(xenpf_symdata_t);

/* ---- The call ------------------------------------------------------------------------------- */

struct xen_platform_op {
    uint32_t cmd;               /* XENPF_* */
    uint32_t interface_version; /* XENPF_INTERFACE_VERSION */
    union {
        xenpf_settime_t settime;
        xenpf_settime32_t settime32;
        xenpf_settime64_t settime64;
        xenpf_add_memtype_t add_memtype;
        xenpf_del_memtype_t del_memtype;
        xenpf_read_memtype_t read_memtype;
        xenpf_microcode_update_t microcode;
        xenpf_platform_quirk_t platform_quirk;
        xenpf_efi_runtime_call_t efi_runtime_call;
        xenpf_firmware_info_t firmware_info;
        xenpf_enter_acpi_sleep_t enter_acpi_sleep;
        xenpf_change_freq_t change_freq;
        xenpf_getidletime_t getidletime;
        xenpf_set_processor_pminfo_t set_pminfo;
        xenpf_pcpuinfo_t pcpu_info;
        xenpf_pcpu_version_t pcpu_version;
        xenpf_cpu_ol_t cpu_ol;
        xenpf_cpu_hotadd_t cpu_add;
        xenpf_mem_hotadd_t mem_add;
        xenpf_core_parking_t core_parking;
        xenpf_resource_op_t resource_op;
        xenpf_symdata_t symdata;
        uint8_t pad[128]; /* all members fit in here */
    } u;
};
typedef struct xen_platform_op xen_platform_op_t;
DEFINE_XEN_GUEST_HANDLE(xen_platform_op_t);

#endif /* XEN_PUBLIC_PLATFORM_H */
