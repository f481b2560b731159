# mapix: `make help` says what can be made. Everything is made in build/.

MAKEFLAGS += --no-builtin-rules

CROSS   := riscv64-linux-gnu-
CC_KERNEL := $(CROSS)gcc
CC_USER := $(CROSS)gcc
CC_HOST := gcc
CLANG    = $(or $(shell command -v clang-14 || command -v clang),clang-14)

# What may be set on the command line: see `make help`.
CPUS ?= 4
MEM ?= 512M
DISK ?=
APPEND ?=
DEBUG ?=
IMAGE_SIZE ?= 128M
DEBIAN_SIZE ?= 3G
FUZZ_SECONDS ?= 5
TESTS ?=
export CPUS MEM DISK APPEND FUZZ_SECONDS

B := build
O := $(B)/objects
KERNEL := $(B)/$(if $(DEBUG),debug/)kernel.elf

# A line for each thing that is made; `make -s` says nothing.
quiet := $(findstring s,$(filter-out --%,$(firstword -$(MAKEFLAGS))))
say = $(if $(quiet),:,printf "  %-7s %s\n" $(1) $@)

.PHONY: all
all: $(KERNEL) $(B)/root.img $(B)/tools/supervise

# ---- what the machine must have; a phony order-only prerequisite of whatever needs a tool ----

.PHONY: setup setup-test setup-debug setup-debian
setup:
	@tools/setup build
setup-test: setup
	@tools/setup test
setup-debug: setup
	@tools/setup debug
setup-debian: setup
	@tools/setup debian

# ---- flags: a file for each set, rewritten only when the set changes, makes objects depend on it ----

KERNEL_FLAGS := -std=gnu11 -O2 -g -ffreestanding -fbuiltin -fno-pic -fno-stack-protector \
	-fno-common -fno-omit-frame-pointer -fno-strict-aliasing -fno-asynchronous-unwind-tables \
	-mcmodel=medany -march=rv64imac_zicsr_zifencei -mabi=lp64 -Wall -Wextra -Werror -Ikernel -nostdinc
DEBUG_FLAGS := -DDEBUG -fsanitize=undefined
KERNEL_LINK := -nostdlib -static -no-pie -Wl,--build-id=none -Wl,--fatal-warnings \
	-march=rv64imac_zicsr_zifencei -mabi=lp64
USER_FLAGS := -std=gnu11 -O2 -Wall -Wextra -Werror
HOST_FLAGS := -std=gnu11 -g -O1 -Wall -Wextra -fno-omit-frame-pointer -fno-sanitize-recover=all \
	-Itests/host/shim -Ikernel -Itests/host
TEST_SANITIZERS := -fsanitize=address,undefined
FUZZ_SANITIZERS := -fsanitize=fuzzer-no-link,address,undefined
FUZZ_LINK := -fsanitize=fuzzer,address,undefined

# GCC's own headers (stdint.h and the like), found when the compiler is surely there.
kernel_include = -isystem $(or $(KERNEL_INCLUDE),$(eval KERNEL_INCLUDE := \
	$$(shell $(CC_KERNEL) -print-file-name=include))$(KERNEL_INCLUDE))

.PHONY: force
force:

# $(call remember,FILE,TEXT): FILE holds TEXT, and is touched only when that is new.
define remember
$(1): force
	@mkdir -p $$(@D)
	@printf '%s\n' '$(2)' >$$@.$$$$$$$$.new; \
	if cmp -s $$@.$$$$$$$$.new $$@; then rm $$@.$$$$$$$$.new; else mv $$@.$$$$$$$$.new $$@; fi
endef

$(eval $(call remember,$(B)/flags/kernel,$(CC_KERNEL) $(KERNEL_FLAGS)))
$(eval $(call remember,$(B)/flags/debug,$(CC_KERNEL) $(KERNEL_FLAGS) $(DEBUG_FLAGS)))
$(eval $(call remember,$(B)/flags/user,$(CC_USER) $(USER_FLAGS)))
$(eval $(call remember,$(B)/flags/host,$(CC_HOST) $(HOST_FLAGS) $(TEST_SANITIZERS)))
$(eval $(call remember,$(B)/flags/fuzz,$(HOST_FLAGS) $(FUZZ_SANITIZERS)))

# ---- the kernel, twice: build/kernel.elf and, with every check, build/debug/kernel.elf ----

VDSO_SOURCES := $(sort $(wildcard kernel/arch/riscv/vdso/*.[cS]))
KERNEL_SOURCES := $(filter-out $(VDSO_SOURCES),$(sort $(shell find kernel -name '*.[cS]' 2>/dev/null)))
DEBUG_ONLY := kernel/core/ubsan.c kernel/vm/failure.c kernel/fs/procfs_failure.c
# NAME.c becomes NAME.o, and NAME.S, which may stand beside it, NAME.S.o.
kernel_objects = $(patsubst %.c,$(1)/%.o,$(filter %.c,$(2))) $(patsubst %.S,$(1)/%.S.o,$(filter %.S,$(2)))
KERNEL_OBJECTS := $(call kernel_objects,$(O),$(filter-out $(DEBUG_ONLY),$(KERNEL_SOURCES)))
DEBUG_OBJECTS := $(call kernel_objects,$(O)/debug,$(KERNEL_SOURCES))

# A loop that is memcpy must not be compiled to a call of memcpy.
$(O)/kernel/lib/%.o $(O)/debug/kernel/lib/%.o: EXTRA_FLAGS = -fno-builtin -fno-tree-loop-distribute-patterns
$(O)/debug/kernel/core/ubsan.o: EXTRA_FLAGS = -fno-sanitize=undefined

compile_kernel = @mkdir -p $(@D); $(call say,CC); \
	$(CC_KERNEL) $(KERNEL_FLAGS) $(1) $(kernel_include) $(EXTRA_FLAGS) -MMD -MP -c $< -o $@

$(O)/kernel/%.o: kernel/%.c $(B)/flags/kernel | setup
	$(call compile_kernel)
$(O)/kernel/%.S.o: kernel/%.S $(B)/flags/kernel | setup
	$(call compile_kernel)
$(O)/debug/kernel/%.o: kernel/%.c $(B)/flags/debug | setup
	$(call compile_kernel,$(DEBUG_FLAGS))
$(O)/debug/kernel/%.S.o: kernel/%.S $(B)/flags/debug | setup
	$(call compile_kernel,$(DEBUG_FLAGS))

# The shared object that the kernel maps into every program, and carries in its image.
VDSO := $(B)/vdso.so
VDSO_OBJECTS := $(call kernel_objects,$(O)/vdso,$(VDSO_SOURCES))
VDSO_FLAGS := -std=gnu11 -O2 -ffreestanding -fpic -fno-common -fno-stack-protector -fasynchronous-unwind-tables \
	-march=rv64imafdc -mabi=lp64d -Wall -Wextra -Werror -Ikernel -nostdinc
VDSO_LINK := -nostdlib -shared -Wl,-soname,linux-vdso.so.1 -Wl,--hash-style=both -Wl,--build-id=none \
	-Wl,--eh-frame-hdr -Wl,-z,max-page-size=4096 -Wl,--fatal-warnings
$(eval $(call remember,$(B)/flags/vdso,$(CC_KERNEL) $(VDSO_FLAGS) $(VDSO_LINK)))
compile_vdso = @mkdir -p $(@D); $(call say,CC); \
	$(CC_KERNEL) $(VDSO_FLAGS) $(kernel_include) -MMD -MP -c $< -o $@

$(O)/vdso/%.o: %.c $(B)/flags/vdso | setup
	$(call compile_vdso)
$(O)/vdso/%.S.o: %.S $(B)/flags/vdso | setup
	$(call compile_vdso)
$(VDSO): $(VDSO_OBJECTS) kernel/arch/riscv/vdso/vdso.ld
	@$(call say,LINK); $(CC_KERNEL) $(VDSO_LINK) -Wl,-T,kernel/arch/riscv/vdso/vdso.ld \
		$(filter %.o,$^) -o $@.new && $(CROSS)strip $@.new && mv $@.new $@
$(O)/kernel/arch/riscv/vdso_image.S.o $(O)/debug/kernel/arch/riscv/vdso_image.S.o: $(VDSO)
$(O)/kernel/arch/riscv/vdso_image.S.o $(O)/debug/kernel/arch/riscv/vdso_image.S.o: EXTRA_FLAGS = -DVDSO='"$(VDSO)"'

# The list of features, which the kernel carries too, for /proc/config.gz.
FEATURES := $(B)/features.gz
FEATURES_OBJECTS := $(O)/kernel/fs/features_image.S.o $(O)/debug/kernel/fs/features_image.S.o
$(FEATURES): kernel/features
	@mkdir -p $(@D); gzip -9nc $< > $@.new && mv $@.new $@
$(FEATURES_OBJECTS): $(FEATURES)
$(FEATURES_OBJECTS): EXTRA_FLAGS = -DFEATURES='"$(FEATURES)"'

# The list of objects is remembered too: a source that went away must leave the kernel.
$(eval $(call remember,$(B)/flags/kernel-objects,$(KERNEL_LINK) $(KERNEL_OBJECTS)))
$(eval $(call remember,$(B)/flags/debug-objects,$(KERNEL_LINK) $(DEBUG_OBJECTS)))

link_kernel = @$(call say,LINK); tools/link-kernel $@ kernel/arch/riscv/kernel.ld "$(CROSS)" \
	"$(KERNEL_LINK)" $(filter %.o,$^)

$(B)/kernel.elf: $(KERNEL_OBJECTS) kernel/arch/riscv/kernel.ld tools/link-kernel tools/symbols \
		$(B)/flags/kernel-objects | setup
	$(link_kernel)
$(B)/debug/kernel.elf: $(DEBUG_OBJECTS) kernel/arch/riscv/kernel.ld tools/link-kernel tools/symbols \
		$(B)/flags/debug-objects | setup
	$(link_kernel)

# ---- programs: user/, tests/guest and tests/lab, bench/ ----
#
# user/NAME.c is one program, and so is a directory user/NAME/; user/lib.c is linked to each that
# uses it, as tests/guest/tap.c and outside.c are to tests. A test named helper_* is installed, and not run.

USER_SOURCES := $(filter-out user/lib.c,$(wildcard user/*.c))
USER_DIRECTORIES := $(patsubst user/%/,%,$(sort $(dir $(wildcard user/*/*.c))))
USER_PROGRAMS := $(patsubst user/%.c,$(B)/user/%,$(USER_SOURCES)) $(addprefix $(B)/user/,$(USER_DIRECTORIES))
USER_LIB := $(patsubst %.c,$(O)/%.o,$(wildcard user/lib.c))

TAP := tap.o outside.o
GUEST_SOURCES := $(filter-out $(TAP:%.o=tests/guest/%.c) tests/guest/run_all.c,$(wildcard tests/guest/*.c))
LAB_SOURCES := $(wildcard tests/lab/*.c)
TEST_NAMES := $(filter-out helper_%,$(basename $(notdir $(sort $(GUEST_SOURCES)) $(sort $(LAB_SOURCES)))))
TEST_PROGRAMS := $(patsubst %.c,$(B)/guest/%,$(notdir $(GUEST_SOURCES) $(LAB_SOURCES))) $(B)/guest/run_all
LAB_PROGRAMS := $(patsubst tests/lab/%.c,$(B)/guest/%,$(LAB_SOURCES))
BENCH_SINGLE := $(patsubst bench/%.c,$(B)/bench/%,$(wildcard bench/*.c))
BENCH_PROGRAMS := $(BENCH_SINGLE) $(B)/bench/beside

vpath %.c tests/guest tests/lab

compile_user = @mkdir -p $(@D); $(call say,CC); \
	$(1) $(USER_FLAGS) -Iuser -Itests/guest -MMD -MP -c $< -o $@

# An object that nothing in the program refers to is left out, as from a library.
library = @rm -f $@; $(1)ar rcs $@ $^

$(O)/user/%.o: user/%.c $(B)/flags/user | setup
	$(call compile_user,$(CC_USER))
$(O)/bench/%.o: bench/%.c $(B)/flags/user | setup
	$(call compile_user,$(CC_USER))
$(O)/guest/%.o: %.c $(B)/flags/user | setup
	$(call compile_user,$(CC_USER))
$(O)/linux/%.o: %.c $(B)/flags/user | setup
	$(call compile_user,$(CC_HOST))

$(O)/user/lib.a: $(USER_LIB)
	$(call library,$(CROSS))
$(O)/guest/tap.a: $(addprefix $(O)/guest/,$(TAP))
	$(call library,$(CROSS))
$(O)/linux/tap.a: $(addprefix $(O)/linux/,$(TAP))
	$(call library)

link_program = @mkdir -p $(@D); $(call say,LINK); $(1) $(filter %.o %.a,$^) -o $@

# Programs of the image share its libc; the first one has to start on any disk.
DYNAMIC := -Wl,-z,now
USER_LINK = $(if $(filter %/init,$@),-static,$(DYNAMIC))
$(eval $(call remember,$(B)/flags/user-link,$(CC_USER) $(DYNAMIC)))

define directory_program
$(B)/user/$(1): $(patsubst %.c,$(O)/%.o,$(wildcard user/$(1)/*.c)) $(O)/user/lib.a $(B)/flags/user-link
	$$(call link_program,$$(CC_USER) $$(USER_LINK))
endef
$(foreach name,$(USER_DIRECTORIES),$(eval $(call directory_program,$(name))))

$(patsubst user/%.c,$(B)/user/%,$(USER_SOURCES)): $(B)/user/%: $(O)/user/%.o $(O)/user/lib.a $(B)/flags/user-link
	$(call link_program,$(CC_USER) $(USER_LINK))
$(BENCH_SINGLE): $(B)/bench/%: $(O)/bench/%.o
	$(call link_program,$(CC_USER) $(if $(filter %/hello,$@),$(DYNAMIC),-static))
$(B)/bench/beside: $(patsubst %.c,$(O)/%.o,$(wildcard bench/beside/*.c))
	$(call link_program,$(CC_USER) -static)

# vdso unwinds its own stack.
$(O)/guest/vdso.o $(O)/linux/vdso.o: USER_FLAGS += -fasynchronous-unwind-tables
# static_pie is position-independent, and without libc: the toolchain has no start-up code for that.
$(O)/guest/static_pie.o $(O)/linux/static_pie.o: USER_FLAGS += -fpie -ffreestanding
STATIC_PIE := -static-pie -nostdlib -Wl,--no-dynamic-linker
static_kind = $(if $(filter %/static_pie,$@),$(STATIC_PIE),$(if $(filter %/helper_dynamic,$@),,-static))
$(TEST_PROGRAMS): $(B)/guest/%: $(O)/guest/%.o $(O)/guest/tap.a
	$(call link_program,$(CC_USER) $(static_kind))

LINUX_PROGRAMS := $(patsubst $(B)/guest/%,$(B)/linux/%,$(TEST_PROGRAMS))
$(LINUX_PROGRAMS): $(B)/linux/%: $(O)/linux/%.o $(O)/linux/tap.a
	$(call link_program,$(CC_HOST) $(static_kind))

# A file system that tests mount (disk_errors.c).
$(B)/guest/small.ext2 $(B)/linux/small.ext2: $(B)/flags/user | setup
	@mkdir -p $(@D)/empty; $(call say,IMAGE); tools/make-ext2 $@.new 1M $(@D)/empty && mv $@.new $@

.SECONDARY:

# ---- the root disk ----

$(eval $(call remember,$(B)/flags/list,$(TEST_NAMES)))

# The toolchain's dynamic loader and libraries.
LIBRARY_NAMES := ld-linux-riscv64-lp64d.so.1 libc.so.6 libm.so.6 libgcc_s.so.1
LIBRARIES = $(foreach name,$(LIBRARY_NAMES),$(or $(LIBRARY_$(name)),$(eval LIBRARY_$(name) := \
	$$(shell $(CC_USER) -print-file-name=$(name)))$(LIBRARY_$(name))))

IMAGE_FILES = $(addprefix lib=,$(LIBRARIES)) $(addprefix bin=,$(USER_PROGRAMS) $(LAB_PROGRAMS)) tests=$(B)/flags/list \
	$(addprefix tests=,$(TEST_PROGRAMS) $(B)/guest/small.ext2) $(addprefix bench=,$(BENCH_PROGRAMS))
SKELETON := $(shell find tools/skeleton 2>/dev/null)
$(eval $(call remember,$(B)/flags/image,$$(IMAGE_SIZE) $$(IMAGE_FILES)))

$(B)/root.img: $(USER_PROGRAMS) $(TEST_PROGRAMS) $(B)/guest/small.ext2 $(BENCH_PROGRAMS) $(SKELETON) tools/image tools/make-ext2 \
		$(B)/flags/image $(B)/flags/list | setup
	@$(call say,IMAGE); tools/image $@ $(IMAGE_SIZE) $(IMAGE_FILES)

# A second root disk, with programs that nobody here wrote: see tools/debian/make-image.
.PHONY: debian
debian: $(B)/debian.img
$(B)/debian.img: $(wildcard tools/debian/*) tools/make-ext2 | setup setup-debian $(B)/user/init $(B)/user/poweroff
	@$(call say,IMAGE); tools/debian/make-image $@ $(DEBIAN_SIZE) $(B)/user/init $(B)/user/poweroff

# Debian's Linux for the same machine, to compare with: see tools/linux/run.
.PHONY: linux
linux: $(B)/linux-boot/initrd
$(B)/linux-boot/initrd: tools/linux/make-boot tools/linux/init tools/debian/apt.sh | setup setup-debian
	@$(call say,LINUX); tools/linux/make-boot $(@D)

$(B)/tools/replay: tests/crash/replay.c | setup
	@mkdir -p $(@D); $(call say,CC); $(CC_HOST) -std=gnu11 -O2 -Wall -Wextra -Werror $< -o $@
$(B)/tools/%: tools/%.c | setup
	@mkdir -p $(@D); $(call say,CC); $(CC_HOST) -std=gnu11 -O2 -Wall -Wextra -Werror $< -o $@

# ---- running ----

.PHONY: qemu run qemu-gdb clean-disk clean-debian
qemu: all
	@tools/qemu $(KERNEL)
run: qemu
qemu-gdb: all setup-debug
	@tools/qemu --gdb $(KERNEL)
clean-disk:
	rm -f $(B)/disk.img $(B)/.disk-base
clean-debian:
	rm -rf $(B)/debian.img $(B)/debian

# ---- host tests: tests/host/test_*.c and fuzz_*.c, whose first comment names their sources ----

HOST_SOURCES := $(sort $(wildcard tests/host/test_*.c))
FUZZ_SOURCES := $(sort $(wildcard tests/host/fuzz_*.c))
HOST_TESTS := $(patsubst tests/host/%.c,$(B)/host/%,$(HOST_SOURCES))
FUZZ_TESTS := $(patsubst tests/host/%.c,$(B)/host/%,$(FUZZ_SOURCES))

named_sources = $(shell awk 'NR == 1 && !sub("^// sources:", "") || !/^\/\// && NR > 1 { exit } \
	{ sub("^//", ""); print }' $(1))

define host_program
$(B)/host/$(basename $(notdir $(1))): $(patsubst %.c,$(O)/$(2)/%.o,$(1) $(call named_sources,$(1)))
endef
$(foreach source,$(HOST_SOURCES),$(eval $(call host_program,$(source),host)))
$(foreach source,$(FUZZ_SOURCES),$(eval $(call host_program,$(source),fuzz)))

$(O)/host/%.o: %.c $(B)/flags/host | setup
	@mkdir -p $(@D); $(call say,CC); \
	$(CC_HOST) $(HOST_FLAGS) -Werror $(TEST_SANITIZERS) -MMD -MP -c $< -o $@
$(O)/fuzz/%.o: %.c $(B)/flags/fuzz | setup-test
	@mkdir -p $(@D); $(call say,CC); \
	$(CLANG) $(HOST_FLAGS) $(FUZZ_SANITIZERS) -MMD -MP -c $< -o $@
$(HOST_TESTS):
	$(call link_program,$(CC_HOST) $(TEST_SANITIZERS))
$(FUZZ_TESTS):
	$(call link_program,$(CLANG) $(FUZZ_LINK))

# ---- differential tests: one program, for this machine and for mapix ----

DIFFERENTIAL_SOURCES := $(wildcard tests/differential/*.c)
DIFFERENTIAL := $(B)/differential/linux $(B)/differential/extra/stream

$(O)/differential/linux/%.o: tests/differential/%.c $(B)/flags/user | setup
	$(call compile_user,$(CC_HOST) -D_GNU_SOURCE)
$(O)/differential/guest/%.o: tests/differential/%.c $(B)/flags/user | setup
	$(call compile_user,$(CC_USER) -D_GNU_SOURCE)
$(B)/differential/linux: $(patsubst tests/differential/%.c,$(O)/differential/linux/%.o,$(DIFFERENTIAL_SOURCES))
	$(call link_program,$(CC_HOST) -static)
$(B)/differential/extra/stream: $(patsubst tests/differential/%.c,$(O)/differential/guest/%.o,$(DIFFERENTIAL_SOURCES))
	$(call link_program,$(CC_USER) -static)

# ---- testing ----

TEST_INPUTS := $(B)/kernel.elf $(B)/debug/kernel.elf $(B)/root.img $(B)/tools/supervise \
	$(B)/tools/replay $(DIFFERENTIAL)
export MAPIX_HOST_TESTS := $(HOST_TESTS) $(FUZZ_TESTS)

.PHONY: test test-long test-host test-guest test-differential test-crash test-on-linux test-debian check bench bench-linux format
test: setup-test $(HOST_TESTS) $(FUZZ_TESTS) $(TEST_INPUTS)
	@tests/run short
test-long: setup-test $(HOST_TESTS) $(FUZZ_TESTS) $(TEST_INPUTS)
	@tests/run long
test-host: setup-test $(HOST_TESTS) $(FUZZ_TESTS)
	@tests/run host
test-guest: $(TEST_INPUTS)
	@tests/run guest $(TESTS)
test-differential: $(TEST_INPUTS)
	@tests/run differential
test-crash: $(TEST_INPUTS)
	@tests/run crash
test-on-linux: $(LINUX_PROGRAMS) $(B)/linux/small.ext2 $(B)/flags/list
	@tests/run-linux $(TESTS)
test-debian: all debian
	@MAPIX_NO_BUILD=1 tests/run-debian $(TESTS)
check: setup-test
	@tools/check-format && tools/check-citations && tools/check-coverage
bench: $(B)/kernel.elf $(B)/root.img $(B)/tools/supervise
	@bench/run
bench-linux: $(B)/kernel.elf $(B)/root.img $(B)/tools/supervise linux
	@bench/beside-linux
format: setup-test
	@tools/check-format --write

# ---- the rest ----

.PHONY: clean help
clean:
	@find $(B) -mindepth 1 -maxdepth 1 ! -name disk.img ! -name .disk-base ! -name 'debian*' \
		-exec rm -rf {} + 2>/dev/null; \
	if ! rmdir $(B) 2>/dev/null && [ -e $(B)/disk.img ]; then \
		echo "$(B)/disk.img, the disk of \`make qemu\`, is kept; \`make clean-disk\` removes it"; fi; \
	if [ -e $(B)/debian ]; then \
		echo "$(B)/debian* is kept; \`make clean-debian\` removes the disk and the packages"; fi

help:
	@cat tools/help.txt

-include $(shell find $(O) -name '*.d' 2>/dev/null)
