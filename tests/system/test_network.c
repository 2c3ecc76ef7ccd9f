/* SPDX-License-Identifier: MIT */
/*
 * Domains with a network: two Linux domUs with Debian's own front driver and one pv-guest on dom0's
 * bridge, and QEMU's user-mode network behind dom0's virtio card. Argument: megabytes that the
 * first transfer moves in each direction; the others move a quarter of that.
 */
#include "bulkhead.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define MEGABYTE 1000000ull
#define TCP_PORT 5000

static unsigned long long bytes = 10 * MEGABYTE;

/* ---- The machine ---- */

static void write_config(const char *folder, const char *name, const char *text)
{
    char path[512];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s.cfg", folder, name);
    file = fopen(path, "we");
    assert_non_null(file);
    fprintf(file, "name = \"%s\"\n%s", name, text);
    fclose(file);
}

#define LINUX_CONFIG                                                                      \
    "kernel = \"/guests/vmlinuz\"\nramdisk = \"/guests/network.cpio.gz\"\nmemory = 160\n" \
    "extra = \"console=hvc0 quiet\"\nvcpus = 1\n"
#define ECHO_CONFIG "kernel = \"/guests/echo\"\nmemory = 16\nvcpus = 1\n"

/* One for each attack of tests/guest/net-hostile.c, and one that is honest. */
#define HOSTILE_VIFS 19

static void write_hostile_config(const char *folder)
{
    char text[1024] = "kernel = \"/guests/net-hostile\"\nmemory = 16\nvcpus = 1\nvif = [ ''";

    for (unsigned int i = 1; i < HOSTILE_VIFS; i++) {
        strcat(text, ", ''");
    }
    strcat(text, " ]\n");
    write_config(folder, "hostile", text);
}

static const char *make_guests(const char *name)
{
    const char *ramdisk = build_path("logs/%s.cpio", name);
    const char *folder = build_path("logs/%s.guests", name);

    run_command("rm -rf %s && mkdir -p %s", folder, folder);
    run_command("cp -L %s %s %s %s", build_path("guests/vmlinuz"), build_path("guests/echo"),
                build_path("tests/network.cpio.gz"), folder);
    run_command("objcopy --strip-debug %s %s/net-hostile", build_path("pv-guest/net-hostile"),
                folder);
    write_hostile_config(folder);
    write_config(folder, "one", LINUX_CONFIG "vif = [ 'mac=00:16:3e:00:00:01' ]\n");
    write_config(folder, "two", LINUX_CONFIG "vif = [ 'mac=00:16:3e:00:00:02' ]\n");
    write_config(folder, "spoof", LINUX_CONFIG "vif = [ 'mac=00:16:3e:00:00:03,antispoof' ]\n");
    write_config(folder, "dhcp", ECHO_CONFIG "vif = [ '' ]\n");
    write_config(folder, "three",
                 ECHO_CONFIG "vif = [ 'mac=00:16:3e:00:00:09' ]\n"
                             "extra = \"ip=10.1.0.9/24 ping=10.1.0.1\"\n");
    run_command("mk/make-ramdisk.sh %s %s", ramdisk, folder);
    return ramdisk;
}

static struct machine *boot(const char *name)
{
    static const char *const card[] = {"-netdev", "user,id=net0", "-device",
                                       "virtio-net-pci,netdev=net0,disable-legacy=on", NULL};
    struct machine *machine = start_dom0(
        &(struct machine_options){
            .name = name, .memory_mib = 1024, .cmdline = "console=com1 noreboot", .extra = card},
        make_guests(name));

    assert_non_null(strstr(machine_text(machine), "in bridge xenbr0"));
    return machine;
}

static void detach(struct machine *machine)
{
    leave_console(machine);
}

/* Attach to a Linux domain that is at its prompt. */
static void attach(struct machine *machine, const char *domain)
{
    machine_type(machine, "console %s", domain);
    machine_type(machine, "echo attached to $((40 + 2))");
    machine_expect(machine, "attached to 42");
    machine_expect(machine, LINUX_PROMPT);
}

/* Type a command into the domain's shell. Returns what it printed. */
static const char *shell(struct machine *machine, const char *command)
{
    machine_type(machine, "%s", command);
    machine_expect(machine, "\n");
    machine_expect(machine, LINUX_PROMPT);
    return machine_between(machine);
}

#define shell_expect(machine, command, text)                                       \
    do {                                                                           \
        const char *output_ = shell(machine, command);                             \
        if (!strstr(output_, text)) {                                              \
            machine_fail(machine, "%s: no \"%s\" in: %s", command, text, output_); \
        }                                                                          \
    } while (0)

static void create_linux(struct machine *machine, const char *name, const char *address)
{
    char command[128];

    machine_type(machine, "create -c /guests/%s.cfg", name);
    machine_expect(machine, LINUX_BANNER);
    machine_expect(machine, LINUX_PROMPT);
    snprintf(command, sizeof(command), "ip addr add %s/24 dev eth0 && ip link set eth0 up",
             address);
    shell(machine, command);
    snprintf(command, sizeof(command), "ip addr add fd00::%s/64 dev eth0",
             strrchr(address, '.') + 1);
    shell(machine, command);
}

/* `network tcp` from the attached domain. */
static void transfer(struct machine *machine, const char *host, int port, unsigned long long amount)
{
    char command[128];

    snprintf(command, sizeof(command), "network tcp %s %d %llu", host, port, amount);
    shell_expect(machine, command, "tcp OK");
}

/* ---- Between domains ---- */

static void domains_talk_to_each_other(void **state)
{
    struct machine *machine = boot("network");

    create_linux(machine, "two", "10.1.0.2");
    machine_type(machine, "network serve %d &", TCP_PORT);
    machine_expect(machine, "serve READY");
    detach(machine);
    create_linux(machine, "one", "10.1.0.1");
    detach(machine);
    machine_type(machine, "create -c /guests/three.cfg");
    machine_expect(machine, "echo: ping 10.1.0.1: 4 of 4 answered");
    detach(machine);

    attach(machine, "one");
    shell_expect(machine, "ping -c 3 10.1.0.2", " 0% packet loss");
    shell_expect(machine, "ping -c 3 10.1.0.9", " 0% packet loss");
    shell_expect(machine, "network udp 10.1.0.9 7 20 1400", "udp OK 20");
    shell_expect(machine, "network udp 10.1.0.2 5000 20 1400", "udp OK 20");
    /* A datagram in fragments, larger than the ring's pages. */
    shell_expect(machine, "network udp 10.1.0.2 5000 5 30000", "udp OK 5");
    transfer(machine, "10.1.0.2", TCP_PORT, bytes);
    transfer(machine, "fd00::2", TCP_PORT, bytes / 4);

    shell(machine, "ip link set eth0 mtu 9000");
    shell_expect(machine, "ping -c 2 -s 8900 10.1.0.9", " 0% packet loss");
    detach(machine);
    attach(machine, "two");
    shell(machine, "ip link set eth0 mtu 9000");
    shell_expect(machine, "ping -c 2 -s 8900 10.1.0.1", " 0% packet loss");
    detach(machine);
    attach(machine, "one");
    shell_expect(machine, "network udp 10.1.0.2 5000 20 8900", "udp OK 20");
    transfer(machine, "10.1.0.2", TCP_PORT, bytes / 4);
    shell(machine, "ip link set eth0 mtu 1500");

    /* Plain frames with checksums from here on; the other end still sends large ones. */
    shell_expect(machine, "network offloads eth0 off", "offloads OK");
    transfer(machine, "10.1.0.2", TCP_PORT, bytes / 4);
    transfer(machine, "fd00::2", TCP_PORT, bytes / 4);
    detach(machine);
    attach(machine, "two");
    shell_expect(machine, "network offloads eth0 off", "offloads OK");
    detach(machine);
    attach(machine, "one");
    transfer(machine, "10.1.0.2", TCP_PORT, bytes / 4);
    detach(machine);

    bh(machine, "destroy two");
    assert_non_null(strstr(bh(machine, "network-list one"), "00:16:3e:00:00:01"));
    attach(machine, "one");
    shell_expect(machine, "ping -c 2 10.1.0.9", " 0% packet loss");
}

/* ---- To the outside ---- */

static pid_t server;

static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    close(fd);
    return ntohs(address.sin_port);
}

/* The same program serves on this machine, which guests reach as 10.0.2.2. */
static int start_server(void)
{
    int port = free_port();
    char text[16];

    snprintf(text, sizeof(text), "%d", port);
    server = fork();
    assert_true(server >= 0);
    if (server == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl(build_path("tests/linux/network"), "network", "serve", text, NULL);
        _exit(127);
    }
    return port;
}

static int stop_all(void **state)
{
    if (server > 0) {
        kill(server, SIGKILL);
        server = 0;
    }
    return machines_stop(state);
}

static void domains_reach_the_outside(void **state)
{
    struct machine *machine = boot("network-outside");
    int port = start_server();
    char command[128];

    machine_type(machine, "create -c /guests/dhcp.cfg");
    machine_expect(machine, "echo: DHCP discover");
    machine_expect(machine, "echo: DHCP offer of 10.0.2.");
    machine_expect(machine, "echo: DHCP request");
    machine_expect(machine, "echo: DHCP acknowledgement of 10.0.2.");
    machine_expect(machine, "gateway 10.0.2.2");
    detach(machine);

    machine_type(machine, "create -c /guests/one.cfg");
    machine_expect(machine, LINUX_BANNER);
    machine_expect(machine, LINUX_PROMPT);
    shell(machine, "ip link set eth0 up");
    shell_expect(machine, "udhcpc -i eth0 -n -q", "lease of 10.0.2.");
    shell_expect(machine, "ping -c 3 10.0.2.15", " 0% packet loss");
    shell_expect(machine, "ping -c 3 10.0.2.2", " 0% packet loss");
    transfer(machine, "10.0.2.2", port, bytes / 4);
    snprintf(command, sizeof(command), "network udp 10.0.2.2 %d 20 1400", port);
    shell_expect(machine, command, "udp OK 20");
    shell_expect(machine, "network offloads eth0 off", "offloads OK");
    transfer(machine, "10.0.2.2", port, bytes / 4);
}

/* ---- Addresses ---- */

static void spoofed_addresses_are_dropped(void **state)
{
    struct machine *machine = boot("network-spoof");

    bh(machine, "create /guests/three.cfg");
    create_linux(machine, "spoof", "10.1.0.3");
    shell_expect(machine, "ping -c 2 10.1.0.9", " 0% packet loss");
    shell(machine, "ip link set eth0 down");
    shell(machine, "ip link set eth0 address 00:16:3e:00:00:77");
    shell(machine, "ip link set eth0 up");
    shell_expect(machine, "ping -c 2 -W 1 10.1.0.9", "100% packet loss");
}

/* ---- Hostile front ends, back ends that go ---- */

/* The back driver releases a destroyed domain's rings soon after. */
static void expect_free(struct machine *machine, long long expected)
{
    long long now = 0;

    for (unsigned int i = 0; i < 100; i++) {
        now = free_memory(machine);
        if (now == expected) {
            return;
        }
    }
    machine_fail(machine, "%lld KiB are free, not %lld", now, expected);
}

static void attack(struct machine *machine)
{
    unsigned int ok = 0, bad = 1;

    machine_type(machine, "create -c /guests/hostile.cfg");
    machine_expect(machine, "TESTS DONE ");
    machine_expect(machine, "\n");
    if (sscanf(machine_between(machine), "%u passed, %u failed", &ok, &bad) != 2 || bad || !ok) {
        machine_fail(machine, "attacks succeeded: %s", machine_between(machine));
    }
    detach(machine);
    bh(machine, "destroy hostile");
}

static void attackers_lose_their_vif_alone(void **state)
{
    struct machine *machine = boot("network-hostile");
    long long free_before;

    bh(machine, "create /guests/dhcp.cfg");
    /* The first time dom0's own tables grow, and stay. */
    attack(machine);
    bh(machine, "destroy dhcp");
    free_before = free_memory(machine);
    bh(machine, "create /guests/dhcp.cfg");
    attack(machine);
    bh(machine, "destroy dhcp");
    expect_free(machine, free_before);
    /* The others continue. */
    machine_type(machine, "create -c /guests/three.cfg");
    machine_expect(machine, "echo: eth0 00:16:3e:00:00:09 has 10.1.0.9/24");
    detach(machine);
    create_linux(machine, "one", "10.1.0.1");
    shell_expect(machine, "ping -c 3 10.1.0.9", " 0% packet loss");
    detach(machine);
    /* Its node set back is a back end that goes and comes: the front end connects again. */
    bh(machine, "store-write /local/domain/0/backend/vif/5/0/state 1");
    attach(machine, "one");
    shell_expect(machine, "network udp 10.1.0.9 7 20 1400", "udp OK 20");
    /* Both are destroyed in the middle of it. */
    shell(machine, "network udp 10.1.0.9 7 1000000 1400 &");
    detach(machine);
    bh(machine, "destroy three");
    bh(machine, "destroy one");
    expect_free(machine, free_before);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(domains_talk_to_each_other, stop_all),
        cmocka_unit_test_teardown(domains_reach_the_outside, stop_all),
        cmocka_unit_test_teardown(spoofed_addresses_are_dropped, stop_all),
        cmocka_unit_test_teardown(attackers_lose_their_vif_alone, stop_all),
    };

    if (argc > 1) {
        bytes = strtoull(argv[1], NULL, 10) * MEGABYTE;
    }
    return cmocka_run_group_tests_name("network", tests, NULL, NULL);
}
