/* SPDX-License-Identifier: MIT */
/*
 * A 32-bit Linux program for tests: makes system calls in one of the ways that a 32-bit process
 * has, and checks that what must survive a system call does. It stands alone: no C library, no
 * headers.
 *
 *     compat32 int80|syscall|sysenter|vdso
 *
 * Prints "compat32 <way>: ok", or what was wrong. The way `vdso` takes what the kernel has chosen
 * for this CPU, and names it. SYSCALL and SYSENTER return to the vDSO, wherever they were executed,
 * so their callers lay out the stack as the vDSO's own code does.
 */
#define NR_exit            1
#define NR_fork            2
#define NR_write           4
#define NR_getpid          20
#define NR_munmap          91
#define NR_wait4           114
#define NR_sched_yield     158
#define NR_mmap2           192
#define NR_set_thread_area 243

#define AT_SYSINFO 32

#define ROUNDS 2000

typedef unsigned int word;

/* Number and six arguments, as the registers that carry them are named. */
struct call {
    word eax, ebx, ecx, edx, esi, edi, ebp;
};

/* The way in use: a function called with all registers set as for int $0x80. */
word system_call_entry;
word vdso_entry;

__asm__(".text\n"
        ".globl _start\n"
        "_start: mov %esp, %eax\n"
        "    and $-16, %esp\n"
        "    sub $12, %esp\n"
        "    push %eax\n"
        "    call program\n"
        "    ud2\n"
        "by_int80: int $0x80\n"
        "    ret\n"
        /* Both end in the vDSO, which pops what is pushed here and returns. */
        "by_syscall: push %ecx\n"
        "    push %edx\n"
        "    push %ebp\n"
        "    mov %ecx, %ebp\n"
        "    syscall\n"
        "    ud2\n"
        "by_sysenter: push %ecx\n"
        "    push %edx\n"
        "    push %ebp\n"
        "    mov %esp, %ebp\n"
        "    sysenter\n"
        "    ud2\n"
        /* Loads the registers of *(struct call *)4(%esp), calls, and stores them back. */
        "run: push %ebx\n"
        "    push %esi\n"
        "    push %edi\n"
        "    push %ebp\n"
        "    mov 20(%esp), %eax\n"
        "    mov 4(%eax), %ebx\n"
        "    mov 8(%eax), %ecx\n"
        "    mov 12(%eax), %edx\n"
        "    mov 16(%eax), %esi\n"
        "    mov 20(%eax), %edi\n"
        "    mov 24(%eax), %ebp\n"
        "    mov (%eax), %eax\n"
        "    call *system_call_entry\n"
        "    xchg %eax, 20(%esp)\n"
        "    mov %ebx, 4(%eax)\n"
        "    mov %ecx, 8(%eax)\n"
        "    mov %edx, 12(%eax)\n"
        "    mov %esi, 16(%eax)\n"
        "    mov %edi, 20(%eax)\n"
        "    mov %ebp, 24(%eax)\n"
        "    mov 20(%esp), %ecx\n"
        "    mov %ecx, (%eax)\n"
        "    mov %eax, 20(%esp)\n"
        "    pop %ebp\n"
        "    pop %edi\n"
        "    pop %esi\n"
        "    pop %ebx\n"
        "    ret\n");

extern const char by_int80[], by_syscall[], by_sysenter[];
void run(struct call *call);
void program(word *stack) __attribute__((noreturn));

static word length(const char *text)
{
    word n = 0;

    while (text[n])
        n++;
    return n;
}

static int same(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

/* Printing and ending go by int $0x80 always. */
static word plain_call(word number, word first, word second, word third)
{
    __asm__ volatile("int $0x80" : "+a"(number) : "b"(first), "c"(second), "d"(third) : "memory");
    return number;
}

static void print(const char *text)
{
    plain_call(NR_write, 1, (word)text, length(text));
}

static void __attribute__((noreturn)) end(const char *way, const char *how)
{
    print("compat32 ");
    print(way);
    print(": ");
    print(how);
    print("\n");
    plain_call(NR_exit, !same(how, "ok"), 0, 0);
    __builtin_trap();
}

static word call(word number, word first, word second, word third)
{
    struct call c = {number, first, second, third, 0x51, 0xd1, 0xb9};

    run(&c);
    return c.eax;
}

/* All registers but EAX survive, and the sixth argument arrives: mmap2 has six. */
static const char *check_registers(void)
{
    struct call map = {NR_mmap2, 0, 8192, 3, 0x22, 0xffffffff, 0}, bad = map;
    struct call before = map;

    run(&map);
    if (map.eax >= 0xfffff000)
        return "mmap2 fails";
    ((volatile char *)map.eax)[4097] = 1;
    if (map.ebx != before.ebx || map.ecx != before.ecx || map.edx != before.edx ||
        map.esi != before.esi || map.edi != before.edi || map.ebp != before.ebp)
        return "a register is lost";
    if (call(NR_munmap, map.eax, 8192, 0) != 0)
        return "munmap fails";
    /* A page offset that is out of reach, in the sixth argument. */
    bad.esi = 1;
    bad.edi = 0;
    bad.ebp = 0xfffffff0;
    run(&bad);
    if (bad.eax < 0xfffff000 || bad.ebp != 0xfffffff0)
        return "the sixth argument is lost";
    return 0;
}

/*
 * A thread pointer of the process's own, through the descriptor table, survives switches to others.
 */
static const char *check_segment(void)
{
    static word area[2] = {0x12345678, 0x9abcdef0};
    struct {
        word entry, base, limit, flags;
    } descriptor = {0xffffffff, (word)area, 0xfffff, 0x51};
    word selector, found;

    if (call(NR_set_thread_area, (word)&descriptor, 0, 0) != 0)
        return "set_thread_area fails";
    selector = descriptor.entry * 8 + 3;
    __asm__ volatile("mov %0, %%gs" ::"r"(selector));
    for (int i = 0; i < 20; i++) {
        call(NR_sched_yield, 0, 0, 0);
        __asm__ volatile("mov %%gs:4, %0" : "=r"(found));
        if (found != 0x9abcdef0)
            return "the thread pointer is lost";
    }
    return 0;
}

/* A child runs, ends and is waited for. */
static const char *check_fork(void)
{
    struct call wait = {NR_wait4, 0, 0, 0, 0, 0, 0};
    word status = 0, child;

    child = call(NR_fork, 0, 0, 0);
    if (child == 0) {
        if (call(NR_getpid, 0, 0, 0) == 1)
            call(NR_exit, 1, 0, 0);
        call(NR_exit, 42, 0, 0);
    }
    if (child >= 0xfffff000)
        return "fork fails";
    wait.ebx = child;
    wait.ecx = (word)&status;
    run(&wait);
    if (wait.eax != child || status != 42 << 8)
        return "the child is lost";
    return 0;
}

static word auxiliary(const word *stack, word type)
{
    const word *at = stack + 1 + stack[0] + 1;

    while (*at)
        at++;
    for (at++; *at; at += 2)
        if (*at == type)
            return at[1];
    return 0;
}

/* The instruction by which the vDSO enters the kernel first. */
static const char *vdso_instruction(void)
{
    const unsigned char *code = (const unsigned char *)vdso_entry;

    for (int i = 0; i < 16; i++) {
        if (code[i] == 0x0f && code[i + 1] == 0x34)
            return "vdso uses sysenter\n";
        if (code[i] == 0x0f && code[i + 1] == 0x05)
            return "vdso uses syscall\n";
        if (code[i] == 0xcd && code[i + 1] == 0x80)
            return "vdso uses int80\n";
    }
    return "vdso uses something else\n";
}

void program(word *stack)
{
    const char *way = stack[0] > 1 ? (const char *)stack[2] : "?";
    const char *problem;
    word pid = plain_call(NR_getpid, 0, 0, 0);

    vdso_entry = auxiliary(stack, AT_SYSINFO);
    if (!vdso_entry)
        end(way, "the kernel tells no AT_SYSINFO");
    if (same(way, "int80"))
        system_call_entry = (word)by_int80;
    else if (same(way, "syscall"))
        system_call_entry = (word)by_syscall;
    else if (same(way, "sysenter"))
        system_call_entry = (word)by_sysenter;
    else if (same(way, "vdso"))
        system_call_entry = vdso_entry;
    else
        end(way, "is not known");
    if (same(way, "vdso"))
        print(vdso_instruction());

    for (int i = 0; i < ROUNDS; i++)
        if (call(NR_getpid, 0, 0, 0) != pid)
            end(way, "getpid is wrong");
    problem = check_registers();
    if (!problem)
        problem = check_segment();
    if (!problem)
        problem = check_fork();
    end(way, problem ? problem : "ok");
}
