# An apt root of its own for Debian's riscv64 packages; to be sourced by bash. Nothing of this machine's
# own package system is changed. `apt` names its directory, `fail MESSAGE` ends the script.
suite=trixie

# The mirror that this machine's own packages come from.
find_mirror() {
    local uri=${DEBIAN_MIRROR:-}
    if [ -z "$uri" ]; then
        # shellcheck disable=SC2016
        uri=$(apt-get indextargets --format '$(ORIGIN)/$(LABEL) $(REPO_URI)' 'Created-By: Packages' |
            sed -n 's/^Debian\/Debian //p' | head -n 1)
    fi
    if [ -z "$uri" ]; then
        uri=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources \
            /etc/apt/sources.list.d/*.list 2>/dev/null |
            grep -Eo '^(deb |URIs:).*' | grep -Eo 'https?://[^ ]*/debian/?( |$)' | head -n 1)
    fi
    [ -n "$uri" ] || fail "this machine's apt knows no Debian mirror; name one: DEBIAN_MIRROR=URL"
    echo "${uri% }"
}

make_apt_root() {
    local keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    [ -e "$keyring" ] || fail "the package debian-archive-keyring is needed"
    mkdir -p "$apt"/{lists/partial,cache/archives/partial}
    : >"$apt/status"
    echo "deb [signed-by=$keyring] $(find_mirror) $suite main" >"$apt/sources.list"
    cat >"$apt/apt.conf" <<CONF
APT::Architecture "riscv64";
APT::Architectures "riscv64";
APT::Install-Recommends "false";
APT::Sandbox::User "$(id -un)";
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "-";
Dir::State::lists "$apt/lists";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
Debug::NoLocking "true";
CONF
}
