/* kernel/features, compressed, as bytes of the kernel's image: /proc/config.gz. */
    .section .rodata
    .global features_image, features_image_end
features_image:
    .incbin FEATURES
features_image_end:
